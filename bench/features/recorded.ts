/** Whether anybody complains: by throwing, or on the console. */
export async function recordedErrors(attempt: () => unknown): Promise<'thrown' | 'logged' | 'not noticed'> {
  const { error: original, warn } = console;
  let lines = 0;
  console.error = console.warn = () => {
    lines++;
  };
  try {
    await attempt();
    return lines > 0 ? 'logged' : 'not noticed';
  } catch {
    return 'thrown';
  } finally {
    console.error = original;
    console.warn = warn;
  }
}
