/** How much is logged, least first. By itself, so that reading settings loads no logger. */
export const LOG_LEVELS = ['error', 'warn', 'info', 'debug', 'trace'] as const
