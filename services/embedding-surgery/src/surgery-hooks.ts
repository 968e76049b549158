import type { SurgeryProgress } from '@pemmican/contract/surgery';
import type { ArtifactRoots, HubOptions } from '@pemmican/storage';

/** What a surgery is given besides its spec. */
export interface SurgeryHooks {
  readonly signal: AbortSignal;
  readonly hub: HubOptions;
  /** Folders that the service may read, for those that no request names. */
  readonly artifactRoots: ArtifactRoots;
  /** An earlier process of the service was already at this surgery when it ended. */
  readonly isRecovered: boolean;
  readonly onProgress: (progress: SurgeryProgress) => void;
}
