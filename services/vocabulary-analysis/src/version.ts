/** Version that profiles name as their maker. */
export const PEMMICAN_VERSION = '0.1.0';
