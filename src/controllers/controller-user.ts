// Who a controller is to the API server: the service account of its name in kube-system.

export const controllerUser = (name: string): { name: string; groups: string[] } => ({
  name: `system:serviceaccount:kube-system:${name}`,
  groups: ['system:serviceaccounts', 'system:serviceaccounts:kube-system', 'system:authenticated'],
});
