// The plugin that container runtimes execute: a shell script that hands the call to the agent's socket. Pure.

/** The first lines tell `uninstall` that the file is ours. */
export const MARK = '# Written by `portico cni install`; `portico cni uninstall` removes it.';

const quote = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;

export function clientScript(socket: string): string {
  return `#!/bin/sh
${MARK}
# A CNI plugin: sends the call to the node's agent and prints what it answers.
socket=${quote(socket)}

fail() { # CODE MESSAGE DETAILS
  details=$(printf '%s' "$3" | tr -d '\\\\"' | tr '\\n\\t' '  ')
  printf '{"cniVersion":"1.0.0","code":%s,"msg":"%s","details":"%s"}\\n' "$1" "$2" "$details"
  exit 1
}

command -v curl >/dev/null 2>&1 || fail 5 "the program curl is not installed" ""
answer=$(
  {
    printf 'CNI_COMMAND=%s\\nCNI_CONTAINERID=%s\\nCNI_NETNS=%s\\nCNI_IFNAME=%s\\nCNI_ARGS=%s\\n\\n' \\
      "$CNI_COMMAND" "$CNI_CONTAINERID" "$CNI_NETNS" "$CNI_IFNAME" "$CNI_ARGS"
    cat
  } | curl -sS --noproxy '*' --max-time 60 -H 'Expect:' -w '\\n%{http_code}' --data-binary @- \\
    --unix-socket "$socket" http://localhost/cni 2>&1
) || {
  if [ "$CNI_COMMAND" = VERSION ]; then
    echo '{"cniVersion":"1.0.0","supportedVersions":["0.3.0","0.3.1","0.4.0","1.0.0","1.1.0"]}'
    exit 0
  fi
  [ "$CNI_COMMAND" != STATUS ] || fail 50 "the agent of this node does not answer on $socket" "$answer"
  fail 11 "the agent of this node does not answer on $socket" "$answer"
}
status=\${answer##*
}
body=\${answer%
*}
[ -z "$body" ] || printf '%s\\n' "$body"
[ "$status" = 200 ]
`;
}
