export async function demoCommand(_flags: { readonly json?: boolean }): Promise<number> {
  return 0;
}
