/** What the service tells a child process. Bytes are encoded messages of the contract. */
export type ParentMessage =
  | {
      readonly type: 'train';
      readonly runName: string;
      /** RunSpec */
      readonly spec: Uint8Array;
      /** Times that this run's process was started again. */
      readonly restartCount: number;
      /** W3C trace context of the run. */
      readonly traceContext: Readonly<Record<string, string>>;
    }
  | {
      readonly type: 'predict';
      /** PredictRequest */
      readonly request: Uint8Array;
      readonly traceContext: Readonly<Record<string, string>>;
    }
  | { readonly type: 'cancel' };

/** What a child process tells the service. */
export type ChildMessage =
  /** WatchRunResponse with nothing but `event`, and the progress that goes with it (RunProgress). */
  | { readonly type: 'event'; readonly event: Uint8Array; readonly progress: Uint8Array }
  /** PredictResponse */
  | { readonly type: 'prediction'; readonly response: Uint8Array }
  /** RunResult; empty for a prediction. */
  | { readonly type: 'succeeded'; readonly result: Uint8Array }
  /** google.rpc.Status */
  | { readonly type: 'failed'; readonly status: Uint8Array }
  | { readonly type: 'cancelled' };
