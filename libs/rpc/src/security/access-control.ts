import {
  ServerInterceptingCall,
  status as grpcStatus,
  type Metadata,
  type ServerInterceptor,
  type ServerListener,
} from '@grpc/grpc-js';
import { toStatusObject } from '../error-status.ts';
import type { Logger } from '../logger.ts';
import { RpcError } from '../rpc-error.ts';
import type { Authenticator, Caller, Role } from './caller.ts';

/** Calls of one caller that may be open at once where the settings say nothing; watchers hold one each. */
export const DEFAULT_MAX_OPEN_CALLS = 2000;

export interface AccessSettings {
  /** Not set: whoever reaches the server may call everything. */
  readonly authenticator?: Authenticator;
  /** Calls that one caller may have open at once. */
  readonly maxOpenCalls: number;
  /** What a method asks for, by its path (`/package.Service/Method`); undefined for what needs no token. */
  readonly roleOf: (path: string) => Role | undefined;
  readonly logger: Logger;
}

const RETRY_DELAY_MS = 1000;
const BEARER = /^Bearer +(\S+)$/i;

/** Lets a call through when its bearer may make it and has not too many open; refuses it with a rich error otherwise. */
export function accessControl(settings: AccessSettings): ServerInterceptor {
  const openCalls = new Map<string, number>();
  return (method, call) => {
    let release = (): void => undefined;
    let isEnded = false;
    const end = (): void => {
      isEnded = true;
      release();
    };
    const listener: Partial<ServerListener> = {
      onReceiveMetadata(metadata, next) {
        void (async () => {
          try {
            const caller = await admit(settings, method.path, metadata, call.getPeer());
            // Its caller may have gone while the token was checked.
            if (isEnded) return;
            release = open(openCalls, caller, settings.maxOpenCalls);
            next(metadata);
          } catch (error) {
            call.sendStatus(toStatusObject(toRefusal(error, settings.logger)));
          }
        })();
      },
      onCancel() {
        end();
      },
    };
    return new ServerInterceptingCall(call, {
      start(next) {
        next(listener);
      },
      sendStatus(status, next) {
        end();
        next(status);
      },
    });
  };
}

/** Name of who calls; a method that needs no token counts for nobody. */
async function admit(
  { authenticator, roleOf }: AccessSettings,
  path: string,
  metadata: Metadata,
  peer: string,
): Promise<string | undefined> {
  const needed = roleOf(path);
  if (needed === undefined) return undefined;
  if (authenticator === undefined) return `address ${hostOf(peer)}`;
  // Once a token is no longer needed it is gone from the metadata: nothing behind this can log it.
  const values = metadata.get('authorization').map(String);
  metadata.remove('authorization');
  const token = BEARER.exec(values.length === 1 ? (values[0] ?? '') : '')?.[1];
  if (token === undefined)
    throw new RpcError({
      code: grpcStatus.UNAUTHENTICATED,
      reason: 'TOKEN_MISSING',
      message: 'The call needs metadata "authorization: Bearer TOKEN"',
    });
  const caller = await authenticator.authenticate(token);
  if (caller === undefined)
    throw new RpcError({
      code: grpcStatus.UNAUTHENTICATED,
      reason: 'TOKEN_INVALID',
      message: 'The token is not accepted here',
    });
  if (!mayCall(caller, needed))
    throw new RpcError({
      code: grpcStatus.PERMISSION_DENIED,
      reason: 'ROLE_MISSING',
      message: `${path} asks for the role "${needed}"; "${caller.name}" is a "${caller.role}"`,
      metadata: { role: needed },
    });
  return `caller ${caller.name}`;
}

const mayCall = ({ role }: Caller, needed: Role): boolean => role === 'writer' || role === needed;

/** `127.0.0.1:4711` without what differs from one connection to the next. */
const hostOf = (peer: string): string => peer.replace(/:\d+$/, '');

/** Counts a call until what it returns is called. */
function open(openCalls: Map<string, number>, caller: string | undefined, maxOpenCalls: number): () => void {
  if (caller === undefined) return () => undefined;
  const count = openCalls.get(caller) ?? 0;
  if (count >= maxOpenCalls)
    throw new RpcError({
      code: grpcStatus.RESOURCE_EXHAUSTED,
      reason: 'TOO_MANY_OPEN_CALLS',
      message: `${caller} has ${count} calls open, as many as one may have`,
      metadata: { maxOpenCalls: String(maxOpenCalls) },
      retryDelayMs: RETRY_DELAY_MS,
    });
  openCalls.set(caller, count + 1);
  let isOpen = true;
  return () => {
    // A call ends once, and is cancelled after every end too.
    if (!isOpen) return;
    isOpen = false;
    const left = (openCalls.get(caller) ?? 1) - 1;
    if (left > 0) openCalls.set(caller, left);
    else openCalls.delete(caller);
  };
}

function toRefusal(error: unknown, logger: Logger): RpcError {
  if (error instanceof RpcError) return error;
  logger.error('a token could not be checked', { error: error instanceof Error ? error.message : String(error) });
  return new RpcError({
    code: grpcStatus.UNAVAILABLE,
    reason: 'TOKEN_NOT_CHECKED',
    message: 'The keys that tokens are checked by cannot be had now',
    retryDelayMs: RETRY_DELAY_MS,
    cause: error,
  });
}
