/** Ids for the operations of one process: random once, then counted. */
export function operationIds(): () => string {
  const process = Math.floor(Math.random() * 2 ** 52).toString(36);
  let count = 0;
  return () => {
    count++;
    return `${process}.${count.toString(36)}`;
  };
}
