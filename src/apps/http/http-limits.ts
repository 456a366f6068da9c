/** A command's input as JSON. */
export const JSON_BYTES_MAX = 1024 * 1024
