"""Uploads a file to a server that shares no storage, over breaks of the connection, and downloads it again.

python transfer.py --server localhost:50053 --file train.jsonl
"""

import argparse
import hashlib
import time
from collections.abc import Iterator
from pathlib import Path

import grpc

from pemmican.artifacts.v1 import artifact_pb2, artifact_service_pb2, artifact_service_pb2_grpc

CHUNK_BYTES = 256 * 1024
ATTEMPTS = 10


def digest_of(file: Path) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as opened:
        while data := opened.read(CHUNK_BYTES):
            digest.update(data)
    return "sha256:" + digest.hexdigest()


def chunks(file: Path, upload_name: str, offset: int) -> Iterator[artifact_service_pb2.WriteArtifactRequest]:
    """Where the bytes belong, then the bytes: each is read when the one before has been sent."""
    target = artifact_service_pb2.WriteTarget(upload_name=upload_name, file_name=file.name, offset=offset)
    yield artifact_service_pb2.WriteArtifactRequest(target=target)
    with file.open("rb") as opened:
        opened.seek(offset)
        while data := opened.read(CHUNK_BYTES):
            yield artifact_service_pb2.WriteArtifactRequest(data=data)


def upload(artifacts: artifact_service_pb2_grpc.ArtifactServiceStub, file: Path) -> artifact_pb2.Upload:
    """Whatever breaks off is gone on with from where the server has it."""
    digest = digest_of(file)
    announced = artifact_pb2.ArtifactFile(file_name=file.name, size_bytes=file.stat().st_size, digest=digest)
    # An id that is made of what is uploaded finds an upload that an earlier process had begun.
    create = artifact_service_pb2.CreateUploadRequest(files=[announced], request_id=f"transfer {digest}")
    name = artifacts.CreateUpload(create).upload.name
    for attempt in range(ATTEMPTS):
        try:
            state = artifacts.GetUpload(artifact_service_pb2.GetUploadRequest(name=name)).upload.files[0]
            if not state.is_whole:
                print(f"sending from byte {state.committed_bytes}")
                artifacts.WriteArtifact(chunks(file, name, state.committed_bytes))
            return artifacts.FinishUpload(artifact_service_pb2.FinishUploadRequest(name=name)).upload
        except grpc.RpcError as error:
            if error.code() != grpc.StatusCode.UNAVAILABLE or attempt == ATTEMPTS - 1:
                raise
            print(f"the connection was lost: {error.details()}")
            time.sleep(0.2)
    raise AssertionError("unreachable")


def download(artifacts: artifact_service_pb2_grpc.ArtifactServiceStub, artifact_uri: str, file_name: str) -> str:
    """Digest of what arrives, which has to be the announced one."""
    digest = hashlib.sha256()
    announced = ""
    request = artifact_service_pb2.ReadArtifactRequest(artifact_uri=artifact_uri, file_name=file_name)
    for response in artifacts.ReadArtifact(request):
        announced = announced or response.file.digest
        digest.update(response.data)
    if announced != "sha256:" + digest.hexdigest():
        raise ValueError(f"{file_name} arrived damaged")
    return announced


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--server", required=True)
    parser.add_argument("--file", required=True, type=Path)
    arguments = parser.parse_args()
    with grpc.insecure_channel(arguments.server) as channel:
        artifacts = artifact_service_pb2_grpc.ArtifactServiceStub(channel)
        uploaded = upload(artifacts, arguments.file)
        print(f"uploaded: {uploaded.artifact_uri}")
        print(f"downloaded: {download(artifacts, uploaded.artifact_uri, arguments.file.name)}")


if __name__ == "__main__":
    main()
