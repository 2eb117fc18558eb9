// The commands of kubectl-verbs.test.ts, in order: each finds what the ones before it left. Cluster-wide objects carry
// the namespace in their name, so that several kubectls can run the script at once.

export interface Command {
  readonly args: readonly string[];
  readonly input?: string;
  /** The order of the lines means nothing. */
  readonly sorted?: true;
}

const service = (port: number, extra = '') => `apiVersion: v1
kind: Service
metadata:
  name: web
  labels: {tier: front}
spec:
  clusterIP: 10.96.0.%
  selector: {app: web}
  ports:
  - {name: http, port: ${port}, targetPort: 8080}
${extra}`;

const configMap = (value: string) => `apiVersion: v1
kind: ConfigMap
metadata: {name: owned}
data: {color: ${value}}
`;

/** Makes no pods, on which other commands would stumble. */
const suspendedJob = `apiVersion: batch/v1
kind: Job
metadata: {name: j}
spec:
  suspend: true
  template: {spec: {restartPolicy: Never, containers: [{name: c, image: i}]}}
`;

const claim = (name: string) => `apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: ${name}, labels: {prune: all}}
spec:
  accessModes: [ReadWriteOnce]
  resources: {requests: {storage: 1Gi}}
`;

const node = (name: string) => `apiVersion: v1
kind: Node
metadata: {name: ${name}}
spec: {unschedulable: true}
`;

/** A shell of few words: blanks separate, quotes keep together. */
function words(line: string): string[] {
  return [...line.matchAll(/'([^']*)'|(\S+)/g)].map((m) => m[1] ?? m[2] ?? '');
}

/** End of the addresses and node ports of the static bands that a run takes, so that no other run gets them. */
export const staticSuffix = (namespace: string): string => String(20 + Number(/\d+/.exec(namespace)?.[0] ?? 0));

export function kubectlScript(namespace: string): Command[] {
  const address = staticSuffix(namespace);
  const web = (port: number, extra = '') => service(port, extra).replace('%', address);
  const n = `${namespace}-n`;
  const run = (line: string, input?: string): Command => ({
    args: words(line),
    ...(input === undefined ? {} : { input }),
  });
  return [
    run(`create namespace ${namespace}`),
    run('api-versions'),
    run('api-resources --no-headers'),
    run('api-resources --api-group=apps -o wide'),
    run('cluster-info'),
    run('get --raw /readyz?verbose'),
    run('get --raw /livez'),

    // Made by generator: typed clients, which send protobuf from 1.32 on.
    run('create configmap cm --from-literal=a=b'),
    run('create secret generic s --from-literal=password=x'),
    run('create secret docker-registry pull --docker-username=u --docker-password=p --docker-server=r'),
    run('create serviceaccount robot'),
    run('create token robot --duration=1h'),
    run('create token robot --audience=other --bound-object-kind=Secret --bound-object-name=s'),
    run('create token nobody'),
    run('create deployment d --image=portico/web --replicas=2 --port=8080'),
    run(`create service clusterip cip --tcp=80:8080 --clusterip=10.96.0.1${address}`),
    run('create service clusterip headless --tcp=80:8080 --clusterip=None'),
    run('create service nodeport np --tcp=80:8080 --node-port=3%'.replace('%', `00${address}`)),
    run('create service loadbalancer lb --tcp=80:8080'),
    run('create service externalname en --external-name=example.com'),
    run('create role reader --verb=get,list --resource=pods,pods/log'),
    run('create rolebinding readers --role=reader --serviceaccount=%:robot'.replace('%', namespace)),
    run(`create clusterrole ${n} --verb=get --non-resource-url=/metrics`),
    run(`create clusterrolebinding ${n} --clusterrole=${n} --user=u`),
    run('create ingress i --rule=h/p=web:80 --class=none'),
    run('create job j --image=i --dry-run=server -- sleep 1'),
    run('create cronjob c --image=i --schedule @yearly -- sleep 1'),
    run('create job again --from=cronjob/c --dry-run=server'),
    run('apply -f -', suspendedJob),
    run('wait job/j --for=condition=Suspended --timeout=10s'),
    run('create job j2 --image=i --dry-run=server -o yaml'),
    run(`create priorityclass ${namespace}-high --value=1000 --description=important`),
    run(`get priorityclass ${namespace}-high`),
    run('create priorityclass too-high --value=2000000000'),
    run('delete priorityclass system-node-critical'),
    run(`delete priorityclass ${namespace}-high`),
    run('create poddisruptionbudget b --selector=app=d --min-available=1'),
    run('create poddisruptionbudget b2 --selector=app=d --max-unavailable=25%'),
    run('apply -f -', claim('asked')),
    run('get cronjob,job,pvc -o wide'),
    run('get pdb b -o jsonpath={.spec.minAvailable}'),
    run('describe cronjob c'),
    run('explain job.spec.completions'),
    run('explain cronjob.spec.schedule'),
    run('wait deploy/d --for=jsonpath={.status.unavailableReplicas}=2 --timeout=10s'),
    run('create configmap cm'),
    run('create -f -', web(80)),
    run('create -f -', web(80)),
    run('create -f -', web(80).replace('name: web', 'name: other').replace('spec:', 'spec:\n  portz: 1')),
    run(
      'create -f - --validate=warn',
      web(0).replace('name: web', 'name: other').replace('spec:', 'spec:\n  portz: 1'),
    ),
    run('create -f -', web(80).replace('name: web', 'generateName: web-').replace('clusterIP', 'loadBalancerIP')),
    run('create -f - --dry-run=server -o name', web(80).replace('name: web', 'name: dry').replace('clusterIP:', '#')),
    run('create -f - --edit', 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: edited}\n'),
    run('create configmap bad_name'),
    run('create -f -', 'kind: Service'),
    run('create -f -', 'apiVersion: nothing/v1\nkind: Thing\nmetadata: {name: x}\n'),

    run('get svc web cip headless np en'),
    run('get svc web -o wide'),
    run('get svc web -o yaml'),
    run('get svc web -o json --show-managed-fields'),
    run('get svc web -o jsonpath={.spec.ports[0].targetPort}'),
    run('get svc web -o custom-columns=NAME:.metadata.name,PORT:.spec.ports[*].port'),
    run('get svc,cm -o name -l tier=front'),
    run('get svc -l tier!=front,app -L app --show-labels --no-headers'),
    run('get svc --field-selector=spec.clusterIP!=None,metadata.name!=web -o name --sort-by=.metadata.name'),
    run('get svc --field-selector=spec.foo=1'),
    run("get svc -l 'a b'"),
    run('get configmaps --chunk-size=1 -o name'),
    run('get events.events.k8s.io -o name --field-selector=reason=None'),
    run('get deploy,rs -o wide'),
    run('get endpoints en'),
    run('get secrets,sa,role,rolebinding,ingress'),
    run('get nothing'),
    run('get svc nope'),
    run('get svc nope --ignore-not-found'),
    run('get all -l app=d -o name', undefined),
    run('get ns kube-system'),
    run('get svc -A --field-selector=metadata.name=kubernetes'),
    run(`get svc web -o yaml --watch --request-timeout=1s`),
    run('get svc web --watch --request-timeout=1s'),
    run('get endpointslices -l kubernetes.io/service-name=cip'),
    run('describe svc web'),
    run('describe svc np'),
    run('describe deploy d'),
    run('describe cm cm'),
    run('describe secret s'),
    run('describe sa robot'),
    run('describe role reader'),
    run('describe rolebinding readers'),
    run('describe ingress i'),
    run(`describe ns ${namespace}`),
    run('explain service.spec.clusterIP'),
    run('explain deployment.spec.strategy --recursive'),
    run('explain service.spec.nope'),
    run('explain endpointslice --api-version=discovery.k8s.io/v1'),

    run('apply -f -', web(80)),
    run('apply -f -', web(81)),
    run('apply -f -', web(81)),
    run('apply -f - --dry-run=server', web(82)),
    run('diff -f -', web(83)),
    run('apply view-last-applied svc/web'),
    run('apply set-last-applied -f -', web(81)),
    run('apply edit-last-applied svc/web'),
    run(
      'apply -f - --prune -l prune=me --prune-allowlist=core/v1/ConfigMap',
      configMap('blue').replace('name: owned', 'name: pruned, labels: {prune: me}'),
    ),
    run(
      'apply -f - --prune -l prune=me --prune-allowlist=core/v1/ConfigMap',
      configMap('red').replace('name: owned', 'name: owned, labels: {prune: me}'),
    ),
    // Without a list of kinds kubectl looks at all that it knows: they must all be served.
    run('apply -f - --prune -l prune=all', claim('kept')),
    run('get pvc -o name'),
    run('apply -f - --server-side', configMap('red').replace('owned', 'ssa')),
    run('apply -f - --server-side --field-manager=two', configMap('blue').replace('owned', 'ssa')),
    run('apply -f - --server-side --field-manager=two --force-conflicts', configMap('blue').replace('owned', 'ssa')),
    run('get cm ssa -o yaml --show-managed-fields'),
    // From client-side to server-side apply: kubectl moves the ownership with a JSON patch first.
    run('apply -f -', configMap('green')),
    run('apply -f - --server-side', configMap('yellow')),
    {
      ...run(`get cm owned -o 'jsonpath={range .metadata.managedFields[*]}{.operation} by {.manager}{"\\n"}{end}'`),
      sorted: true,
    },
    run('replace -f -', web(84)),
    run('replace -f -', web(84).replace('name: web', 'name: never')),
    run('replace --force -f -', configMap('white')),
    run('edit svc/web'),
    run('patch svc web -p {"spec":{"ports":[{"port":84,"name":"http","targetPort":81}]}}'),
    run('patch svc web -p {"spec":{"ports":[{"$patch":"delete","port":84},{"port":85,"name":"other"}]}}'),
    run('patch svc web --type=json -p [{"op":"replace","path":"/spec/ports/0/port","value":86}]'),
    run('patch svc web --type=json -p [{"op":"test","path":"/spec/ports/0/port","value":1}]'),
    run('patch svc web --type=json -p [{"op":"remove","path":"/spec/nope"}]'),
    run('patch svc web --type=merge -p {"spec":{"selector":{"app":null,"x":"y"}}}'),
    run('patch svc web --type=merge -p {"metadata":{"name":"q"}}'),
    run('patch svc web -p {"spec":{"clusterIP":"10.96.0.9","clusterIPs":["10.96.0.9"]}}'),
    run('patch svc np -p {"spec":{"type":"ClusterIP"}}'),
    run('patch svc en -p {"spec":{"type":"ClusterIP","externalName":null,"ports":[{"port":80}]}}'),
    run(
      'patch svc web --subresource=status --type=merge -p {"status":{"loadBalancer":{"ingress":[{"ip":"192.0.2.9"}]}}}',
    ),
    run('patch deploy d --subresource=scale --type=merge -p {"spec":{"replicas":1}}'),
    run('get deploy d --subresource=scale'),
    run('get svc web -o jsonpath={.spec.ports}{.spec.selector}'),

    run('label svc web tier=back'),
    run('label svc web tier=back --overwrite'),
    run('label svc web tier-'),
    run('label svc web bad=a=b'),
    run('annotate svc web note=1'),
    run('annotate svc web note=2 --overwrite --resource-version=1'),
    run('annotate svc --all note-'),
    run('label svc web --list'),
    run('scale deploy d --replicas=0'),
    // Each change is a revision of its own only when the controller has seen the one before.
    run('rollout status deploy d --timeout=10s'),
    run('set image deploy/d web=portico/web:2'),
    run('rollout status deploy d --timeout=10s'),
    run('set env deploy/d A=b'),
    run('rollout status deploy d --timeout=10s'),
    run('set env deploy/d --list'),
    run('set resources deploy/d --limits=cpu=1,memory=64Mi'),
    run('rollout status deploy d --timeout=10s'),
    run('set serviceaccount deploy/d robot'),
    run('rollout status deploy d --timeout=10s'),
    run('set selector svc web app=web'),
    run('set subject rolebinding readers --user=u'),
    run('scale deploy d --replicas=3'),
    run('scale deploy d --replicas=1 --current-replicas=9'),
    run('scale deploy d --replicas=0'),
    run('rollout status deploy d --timeout=10s'),
    run('rollout history deploy d'),
    run('rollout history deploy d --revision=1'),
    run('rollout pause deploy d'),
    run('rollout pause deploy d'),
    run('rollout resume deploy d'),
    run('rollout restart deploy d'),
    run('rollout status deploy d --timeout=10s'),
    run('rollout undo deploy d --to-revision=1'),
    run('rollout undo deploy d --to-revision=99'),
    run('rollout status deploy d --timeout=10s'),
    run('wait deploy/d --for=condition=Available --timeout=10s'),
    run('wait deploy/d --for=jsonpath={.spec.replicas}=0 --timeout=5s'),
    run('wait deploy/d --for=condition=Nope --timeout=200ms'),
    run('autoscale deploy d --max=3'),
    run('expose deploy d --port=80 --name=exposed --dry-run=server -o jsonpath={.spec.selector}'),
    run('expose deploy d --port=80'),
    run('expose svc headless --port=80 --name=twice'),
    run('run p --image=portico/web --port=80 --labels=app=p --env=A=b'),
    run('run q --image=portico/web --dry-run=server -o jsonpath={.spec.containers[0].name}'),
    run('get pods -o wide'),
    run('get pods --field-selector=status.phase=Pending -o name'),
    run('describe pod p'),
    run('logs p'),
    run('logs nope'),
    run('exec p -- true'),
    run('exec p -c nope -- true'),
    run('attach p'),
    run('port-forward p 0:80'),
    run('cp p:/x /dev/null'),
    run('debug p --image=portico/web -c dbg --attach=false'),
    run('get pod p -o jsonpath={.spec.ephemeralContainers[*].name}'),
    run('events --for pod/p --types=Normal'),
    run('events --for pod/nope'),
    run('top pods'),

    run('create -f -', node(n)),
    run(`get node ${n}`),
    run(`uncordon ${n}`),
    run(`cordon ${n}`),
    run(`cordon ${n}`),
    run(`taint node ${n} a=b:NoSchedule`),
    run(`taint node ${n} a=b:NoSchedule`),
    run(`taint node ${n} a-`),
    run(`label node ${n} node-role.kubernetes.io/worker=`),
    run(`run resident --image=i --overrides={"spec":{"nodeName":"${n}"}}`),
    run(`drain ${n} --ignore-daemonsets --grace-period=0`),
    run(`drain ${n} --ignore-daemonsets --grace-period=0 --force`),
    run(`delete --raw /api/v1/namespaces/${namespace}/pods/nope`),
    run(`delete node ${n}`),

    run('auth can-i create pods'),
    run(`auth can-i delete pods --as=system:serviceaccount:${namespace}:robot`),
    run(`auth can-i get pods --as=system:serviceaccount:${namespace}:robot`),
    run(`auth can-i --list --as=system:serviceaccount:${namespace}:robot`),
    run('auth can-i get /metrics --as=u'),
    run('auth whoami'),
    run(`get pods --as=system:serviceaccount:${namespace}:robot -o name`),
    run(
      `auth reconcile -f -`,
      `apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: rec, namespace: ${namespace}}\nrules: [{apiGroups: [""], resources: [pods], verbs: [get]}]\n`,
    ),
    run('get svc --as=nobody'),
    run('get svc web --as=nobody --as-group=system:masters -o name'),

    run('delete svc web --dry-run=server'),
    run('delete svc web'),
    run('delete svc web'),
    run('delete svc web --ignore-not-found'),
    run('delete pod p --now'),
    run('delete deploy d --cascade=orphan'),
    { ...run('get rs -o name'), sorted: true },
    { ...run('delete rs -l app=d --cascade=foreground'), sorted: true },
    run('delete cm -l prune=me'),
    run('delete secret s --force --grace-period=0'),
    { ...run('delete cm,svc --all'), sorted: true },
    run(`delete clusterrole,clusterrolebinding ${n}`),
    run(`delete namespace ${namespace} --timeout=20s`),
    run('create configmap late --from-literal=a=b'),
  ];
}
