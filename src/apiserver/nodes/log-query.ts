// What a log request may ask for, in Kubernetes' words. Pure.
import { badRequest, forbidden, invalid, invalidValue, type FieldError } from '../../api/index.ts';

const POD_LOG_OPTIONS = { group: '', kind: 'PodLogOptions' };

function numberOf(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name) ?? '';
  if (text === '') return undefined;
  if (!/^[+-]?\d+$/.test(text)) throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
  return Number(text);
}

/** @throws StatusError 400 for what is no number, 422 for one that makes no sense */
export function checkLogQuery(query: URLSearchParams, podName: string): void {
  const errors: FieldError[] = [];
  const tailLines = numberOf(query, 'tailLines');
  const limitBytes = numberOf(query, 'limitBytes');
  const sinceSeconds = numberOf(query, 'sinceSeconds');
  if (tailLines !== undefined && tailLines < 0) {
    errors.push(invalidValue('tailLines', tailLines, 'must be greater than or equal to 0'));
  }
  if (limitBytes !== undefined && limitBytes < 1) {
    errors.push(invalidValue('limitBytes', limitBytes, 'must be greater than 0'));
  }
  if (sinceSeconds !== undefined && (query.get('sinceTime') ?? '') !== '') {
    errors.push(forbidden('', 'at most one of `sinceTime` or `sinceSeconds` may be specified'));
  } else if (sinceSeconds !== undefined && sinceSeconds < 1) {
    errors.push(invalidValue('sinceSeconds', sinceSeconds, 'must be greater than 0'));
  }
  if (errors.length > 0) throw invalid(POD_LOG_OPTIONS, podName, errors);
}
