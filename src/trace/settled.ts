// What differs may only be on its way: a difference counts when it is still there a moment later.
const MOMENT_MS = 400;

/** The result of reading once, or when that shows drift, of reading again. */
export async function settled<T extends { readonly drift: boolean }>(read: () => Promise<T>): Promise<T> {
  const first = await read();
  if (!first.drift) return first;
  await new Promise((resolve) => setTimeout(resolve, MOMENT_MS));
  return read();
}
