// What names, labels and addresses must look like; each check answers with Kubernetes' explanations, [] when good.
const regexText = (pattern: string, examples: readonly string[]): string =>
  `(e.g. ${examples.map((e) => `'${e}', `).join(' or ')}regex used for validation is '${pattern}')`;

const label1123 = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
const label1035 = '[a-z]([-a-z0-9]*[a-z0-9])?';
const subdomain1123 = String.raw`[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*`;
const qualifiedNamePart = '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]';
const labelValue = '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?';

const whole = (pattern: string): RegExp => new RegExp(`^(?:${pattern})$`);
const label1123Regex = whole(label1123);
const label1035Regex = whole(label1035);
const subdomainRegex = whole(subdomain1123);
const qualifiedRegex = whole(qualifiedNamePart);
const labelValueRegex = whole(labelValue);
const envVarRegex = /^[-._a-zA-Z][-._a-zA-Z0-9]*$/;
const configKeyRegex = /^[-._a-zA-Z0-9]+$/;
const ianaRegex = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/;

export const mustBeNoMoreThan = (max: number): string => `must be no more than ${max} characters`;
const tooLongText = mustBeNoMoreThan;

export const dns1123LabelText = `a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character ${regexText(label1123, ['my-name', '123-abc'])}`;
export const dns1035LabelText = `a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character ${regexText(label1035, ['my-name', 'abc-123'])}`;
const subdomainText = `a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character ${regexText(subdomain1123, ['example.com'])}`;
const qualifiedText = `name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character ${regexText(qualifiedNamePart, ['MyName', 'my.name', '123-abc'])}`;
const labelValueText = `a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character ${regexText(labelValue, ['MyValue', 'my_value', '12345'])}`;

const check = (value: string, max: number, regex: RegExp, text: string): string[] => [
  ...(value.length > max ? [tooLongText(max)] : []),
  ...(regex.test(value) ? [] : [text]),
];

export const dns1123Label = (value: string): string[] => check(value, 63, label1123Regex, dns1123LabelText);
export const dns1035Label = (value: string): string[] => check(value, 63, label1035Regex, dns1035LabelText);
export const dns1123Subdomain = (value: string): string[] => check(value, 253, subdomainRegex, subdomainText);

/** Names of RBAC objects and the like: anything that fits one path segment. */
export function pathSegmentName(value: string): string[] {
  if (value === '.' || value === '..') return [`may not be '${value}'`];
  return ['/', '%'].filter((c) => value.includes(c)).map((c) => `may not contain '${c}'`);
}

/** Label keys, annotation keys and other names with an optional DNS prefix. */
export function qualifiedName(value: string): string[] {
  const parts = value.split('/');
  const errors: string[] = [];
  let name = value;
  if (parts.length === 2) {
    const prefix = parts[0] ?? '';
    name = parts[1] ?? '';
    if (prefix === '') errors.push('prefix part must be non-empty');
    else errors.push(...dns1123Subdomain(prefix).map((m) => `prefix part ${m}`));
  } else if (parts.length > 2) {
    return [
      `a qualified name must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character ${regexText(qualifiedNamePart, ['MyName', 'my.name', '123-abc'])} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`,
    ];
  }
  if (name === '') errors.push('name part must be non-empty');
  else if (name.length > 63) errors.push(`name part ${tooLongText(63)}`);
  if (!qualifiedRegex.test(name)) errors.push(qualifiedText);
  return errors;
}

export const labelValueErrors = (value: string): string[] => check(value, 63, labelValueRegex, labelValueText);

/** A port's name as used in targetPort and container ports (IANA service name). */
export function portName(value: string): string[] {
  const errors: string[] = [];
  if (value.length > 15) errors.push(tooLongText(15));
  if (!ianaRegex.test(value)) {
    if (!/^[-a-z0-9]*$/.test(value))
      errors.push('must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)');
  }
  if (!/[a-z]/.test(value)) errors.push('must contain at least one letter (a-z)');
  if (value.includes('--')) errors.push('must not contain consecutive hyphens');
  if (value.startsWith('-') || value.endsWith('-')) errors.push('must not begin or end with a hyphen');
  return errors;
}

export const portNumber = (value: number): string[] =>
  Number.isInteger(value) && value >= 1 && value <= 65_535 ? [] : ['must be between 1 and 65535, inclusive'];

/** Keys of ConfigMap and Secret data. */
export function configMapKey(value: string): string[] {
  const errors: string[] = [];
  if (value.length > 253) errors.push(tooLongText(253));
  if (!configKeyRegex.test(value)) {
    errors.push(
      `a valid config key must consist of alphanumeric characters, '-', '_' or '.' ${regexText('[-._a-zA-Z0-9]+', ['key.name', 'KEY_NAME', 'key-name'])}`,
    );
  }
  if (value === '.' || value === '..') errors.push(`must not be '${value}'`);
  else if (value.startsWith('..')) errors.push("must not start with '..'");
  return errors;
}

export function envVarName(value: string): string[] {
  const errors: string[] = [];
  if (!envVarRegex.test(value)) {
    errors.push(
      `a valid environment variable name must consist of alphabetic characters, digits, '_', '-', or '.', and must not start with a digit ${regexText('[-._a-zA-Z][-._a-zA-Z0-9]*', ['my.env-name', 'MY_ENV.NAME', 'MyEnvName1'])}`,
    );
  }
  if (value === '.' || value === '..') errors.push(`must not be '${value}'`);
  return errors;
}

/** The name of an object as its kind wants it; `generateName` may end in a dash. */
export type NameCheck = (name: string, prefix: boolean) => string[];

const maskTrailingDash = (name: string): string =>
  name.length > 1 && name.endsWith('-') ? `${name.slice(0, -2)}a` : name;

export const nameIs =
  (rule: (value: string) => string[]): NameCheck =>
  (name, prefix) =>
    rule(prefix ? maskTrailingDash(name) : name);
