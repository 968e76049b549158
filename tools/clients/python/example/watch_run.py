"""Creates a run, watches it over a lost connection, reads memory samples, cancels it, and decodes the details of two errors.

python watch_run.py --server localhost:50053 --model ./model --train-file train.jsonl --output ./output
"""

import argparse
import itertools
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from pemmican.trainer.v1 import trainer_pb2, trainer_service_pb2, trainer_service_pb2_grpc
from pemmican.vocabulary.v1 import dataset_pb2

MAX_FAILURES = 10
RETRY_DELAY_SECONDS = 0.2

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--server", default="localhost:50053")
parser.add_argument("--model", type=Path, default=Path("model"))
parser.add_argument("--train-file", type=Path, default=Path("train.jsonl"))
parser.add_argument("--output", type=Path, default=Path("output"))
parser.add_argument("--tls-ca", type=Path)
parser.add_argument("--token-file", type=Path)
options = parser.parse_args()

# What every call carries: the token, where the server asks for one.
metadata = []
if options.token_file is not None:
    metadata.append(("authorization", f"Bearer {options.token_file.read_text().strip()}"))


def connect() -> grpc.Channel:
    if options.tls_ca is None:
        return grpc.insecure_channel(options.server)
    return grpc.secure_channel(options.server, grpc.ssl_channel_credentials(options.tls_ca.read_bytes()))


def request(learning_rate: float, validate_only: bool = False) -> trainer_service_pb2.CreateRunRequest:
    """A request for a run that goes on until it is cancelled, or for a check of one."""
    message = trainer_service_pb2.CreateRunRequest(request_id=str(uuid.uuid4()), validate_only=validate_only)
    spec = message.spec
    spec.model_uri = str(options.model.resolve())
    spec.output_uri = str(options.output.resolve())
    spec.dataset.files.add(split=dataset_pb2.SPLIT_TRAIN, uri=str(options.train_file.resolve()))
    spec.dataset.max_sequence_length = 128
    spec.options.max_steps = 100_000
    spec.options.per_device_train_batch_size = 16
    spec.options.learning_rate = learning_rate
    spec.memory_sample_interval_ms = 200
    return message


class Watcher:
    """Follows a run's events. What it has seen last outlives every connection."""

    def __init__(self, name: str) -> None:
        self.sequence = 0
        self._resume_token = ""
        self._name = name

    def follow(
        self,
        trainer: trainer_service_pb2_grpc.TrainerServiceStub,
        is_enough: Callable[[trainer_service_pb2.WatchRunResponse], bool],
    ) -> None:
        """Prints events until one is enough or the run has ended. A lost connection loses and repeats nothing."""
        failures = 0
        while True:
            watch = trainer_service_pb2.WatchRunRequest(name=self._name, resume_token=self._resume_token)
            call = trainer.WatchRun(watch, metadata=metadata)
            try:
                for event in call:
                    if event.sequence != self.sequence + 1:
                        raise RuntimeError(f"event {event.sequence} came after event {self.sequence}")
                    self.sequence = event.sequence
                    self._resume_token = event.resume_token
                    failures = 0
                    print(f"event {event.sequence} {describe_event(event)}")
                    if is_enough(event):
                        return
                return
            except grpc.RpcError as error:
                failures += 1
                if error.code() != grpc.StatusCode.UNAVAILABLE or failures > MAX_FAILURES:
                    raise
                if failures == 1:
                    print(f"connection lost after event {self.sequence}, attaching again")
                time.sleep(RETRY_DELAY_SECONDS * failures)
            finally:
                call.cancel()


def megabytes(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:.1f} MB"


def describe_event(response: trainer_service_pb2.WatchRunResponse) -> str:
    kind = response.WhichOneof("event")
    if kind is None:
        return "of a kind that this client does not know"
    event = getattr(response, kind)
    match kind:
        case "state_change":
            return f"state {trainer_pb2.RunState.Name(event.state).removeprefix('RUN_STATE_')}"
        case "phase":
            return f"phase {event.phase}"
        case "step":
            return f"step {event.step} loss {event.loss:.4f}"
        case "device_memory":
            return f"memory {megabytes(event.process_bytes)}"
        case "evaluation":
            return f"evaluation at step {event.step} loss {event.loss:.4f}"
        case "checkpoint":
            return f"checkpoint at step {event.step}"
        case "log":
            return f"log {event.severity} {event.message}"
        case _:
            return kind


def print_memory(trainer: trainer_service_pb2_grpc.TrainerServiceStub, run_name: str, count: int) -> None:
    """Prints so many samples of the device's memory and the run's, then ends the stream, which would never end by itself."""
    watch = trainer_service_pb2.WatchDeviceMemoryRequest(interval_ms=100, run_name=run_name)
    call = trainer.WatchDeviceMemory(watch, metadata=metadata)
    for number, response in enumerate(itertools.islice(call, count), start=1):
        for sample in response.samples:
            used, total, process = map(megabytes, (sample.used_bytes, sample.total_bytes, sample.process_bytes))
            print(f"memory sample {number}: {sample.device_name} {used} of {total}, run {process}")
    call.cancel()


def print_error(error: grpc.RpcError) -> None:
    """The status that a service sends beside the code, and each of its details by its type."""
    print(f"error {error.code().name}: {error.details()}")
    status = rpc_status.from_call(error)
    if status is None:
        return
    info, resource, bad_request = (
        error_details_pb2.ErrorInfo(),
        error_details_pb2.ResourceInfo(),
        error_details_pb2.BadRequest(),
    )
    for detail in status.details:
        if detail.Unpack(info):
            print(f"  reason {info.reason} of {info.domain}")
        elif detail.Unpack(resource):
            print(f"  resource {resource.resource_name} of {resource.resource_type}")
        elif detail.Unpack(bad_request):
            for violation in bad_request.field_violations:
                print(f"  field {violation.field} {violation.description}")


def print_failure(call: Callable[[], object]) -> None:
    try:
        call()
    except grpc.RpcError as error:
        print_error(error)
    else:
        raise RuntimeError("the call was to be refused")


def is_step(step: int) -> Callable[[trainer_service_pb2.WatchRunResponse], bool]:
    return lambda event: event.WhichOneof("event") == "step" and event.step.step >= step


def main() -> None:
    with connect() as channel:
        trainer = trainer_service_pb2_grpc.TrainerServiceStub(channel)
        asked = request(1e-3)
        name = trainer.CreateRun(asked, metadata=metadata).run.name
        print(f"created {name}")
        # An answer may get lost. Asking again with the same request id gives the run that there is.
        again = trainer.CreateRun(asked, metadata=metadata).run.name
        print(f"created again with the same request id: {again}")
        watcher = Watcher(name)
        watcher.follow(trainer, is_step(3))
    print(f"disconnected after event {watcher.sequence}")

    with connect() as channel:
        trainer = trainer_service_pb2_grpc.TrainerServiceStub(channel)
        watcher.follow(trainer, is_step(6))
        print_memory(trainer, name, 3)
        cancel = trainer_service_pb2.CancelRunRequest(name=name)
        trainer.CancelRun(cancel, metadata=metadata)
        print(f"cancelled {name}")
        watcher.follow(trainer, lambda event: False)
        print(f"saw {watcher.sequence} events, none lost, none repeated")

        print_failure(lambda: trainer.CancelRun(cancel, metadata=metadata))
        print_failure(lambda: trainer.CreateRun(request(-1, validate_only=True), metadata=metadata))


if __name__ == "__main__":
    main()
