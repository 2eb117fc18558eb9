// Environment variables that tell a pod of the services that existed when it started. Pure.

export interface ServiceForEnv {
  readonly namespace: string;
  readonly name: string;
  readonly clusterIp: string;
  readonly ports: readonly { readonly name: string; readonly port: number; readonly protocol: string }[];
}

type Variable = readonly [name: string, value: string];

const variableName = (text: string) => text.toUpperCase().replaceAll('-', '_');
const hostPort = (ip: string, port: number) => (ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`);

function variablesOf(s: ServiceForEnv): Variable[] {
  const first = s.ports[0];
  if (first === undefined) return [];
  const prefix = variableName(s.name);
  const url = (p: { port: number; protocol: string }) =>
    `${p.protocol.toLowerCase()}://${hostPort(s.clusterIp, p.port)}`;
  return [
    [`${prefix}_SERVICE_HOST`, s.clusterIp],
    [`${prefix}_SERVICE_PORT`, String(first.port)],
    ...s.ports
      .filter((p) => p.name !== '')
      .map((p): Variable => [`${prefix}_SERVICE_PORT_${variableName(p.name)}`, String(p.port)]),
    [`${prefix}_PORT`, url(first)],
    ...s.ports.flatMap((p): Variable[] => {
      const port = `${prefix}_PORT_${p.port}_${p.protocol.toUpperCase()}`;
      return [
        [port, url(p)],
        [`${port}_PROTO`, p.protocol.toLowerCase()],
        [`${port}_PORT`, String(p.port)],
        [`${port}_ADDR`, s.clusterIp],
      ];
    }),
  ];
}

/** Services of the pod's namespace if it wants them; `default/kubernetes` always, as the way to the API. */
export function serviceVariables(
  services: Iterable<ServiceForEnv>,
  o: { namespace: string; enableServiceLinks: boolean },
): Variable[] {
  const own: ServiceForEnv[] = [];
  let master: ServiceForEnv | undefined;
  for (const s of services) {
    if (s.clusterIp === '' || s.clusterIp === 'None') continue;
    if (s.namespace === 'default' && s.name === 'kubernetes') master = s;
    else if (s.namespace === o.namespace && o.enableServiceLinks) own.push(s);
  }
  // A service named `kubernetes` in the pod's own namespace hides the one in `default`.
  const hidden = own.some((s) => s.name === 'kubernetes');
  return [...(master === undefined || hidden ? [] : [master]), ...own].flatMap(variablesOf);
}
