/**
 * Files and folders in buckets. It loads Amazon's client, so it is imported where an `s3:` URI is met, and not before.
 * @module
 */
export { openS3ByteSource } from './byte-source.ts';
export { createS3Client, s3Client } from './client.ts';
export { createS3Folder } from './folder-writer.ts';
export { openS3Folder } from './folder-reader.ts';
export { putS3Object } from './upload.ts';
