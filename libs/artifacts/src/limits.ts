/** Bytes that a response brings. A client that does not read leaves 16 of them with the service, and gRPC's own 64 kB. */
export const READ_CHUNK_BYTES: number = 256 * 1024;

/** Most bytes that a message of an upload may bring: a server holds up to 16 messages of a call. */
export const MAX_WRITE_CHUNK_BYTES: number = 4 * 1024 * 1024;

/** Most files of an uploaded artifact: those of the largest folders that the services read. */
export const MAX_FILE_COUNT = 10_000;

/** Most levels of folders of an uploaded artifact, as above. */
export const MAX_FOLDER_DEPTH = 8;

/** What file systems allow of one part of a path. */
export const MAX_NAME_BYTES = 255;

export const DEFAULT_PAGE_SIZE = 50;
export const MAX_PAGE_SIZE = 1000;

export const MAX_REQUEST_ID_LENGTH = 200;
