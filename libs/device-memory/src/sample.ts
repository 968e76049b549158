/** Where a figure comes from. */
export type DeviceMemorySource = 'NVML' | 'HOST';

/** Memory of one device at one moment, in bytes. */
export interface DeviceMemorySample {
  readonly time: Date;
  readonly source: DeviceMemorySource;
  readonly deviceIndex: number;
  /** Name of the GPU, `host` for HOST. */
  readonly deviceName: string;
  readonly usedBytes: number;
  readonly freeBytes: number;
  /** What the driver keeps for itself; 0 where unknown. */
  readonly reservedBytes: number;
  readonly totalBytes: number;
  /** What the measured process uses on the device (NVML) or has resident (HOST); 0 without one. */
  readonly processBytes: number;
  /** The process' largest resident size since its last reset (HOST); 0 where unknown. */
  readonly processPeakBytes: number;
  /** Share of the time in which the device computed, 0 to 1; undefined where unknown. */
  readonly utilization: number | undefined;
}
