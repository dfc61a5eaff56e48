//! Sending a package of the agent to a device that was offered it. What is in it, and whether it may be believed, is
//! the agent's business.

use std::{io::Read as _, sync::Arc};

use deskwarden_proto::v1::PackageChunk;
use tokio::{sync::mpsc, task::spawn_blocking};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Response, Status};
use tracing::warn;

use super::{
    guard::{Caller, INTERNAL},
    room::Room,
};

/// Devices that may fetch at the same time; others ask again later.
pub(super) const AT_ONCE: usize = 16;
/// Bytes of a chunk, and chunks ahead of the connection.
const CHUNK: usize = 64 << 10;
const AHEAD: usize = 4;

type Chunks = ReceiverStream<Result<PackageChunk, Status>>;

/// Answers with the program, if the device was offered it.
pub(super) async fn send(room: &Room, caller: Caller, sha256: Vec<u8>) -> Result<Response<Chunks>, Status> {
    if room.standing.bar(caller.device).is_some() {
        return Err(Status::permission_denied("this device is not active"));
    }
    let place = Arc::clone(&room.fetching)
        .try_acquire_owned()
        .map_err(|_| Status::unavailable("many devices fetch a package now; ask again later"))?;
    let shelf = Arc::clone(&room.shelf);
    let device = caller.device;
    let found = spawn_blocking(move || shelf.program(device, &sha256)).await;
    let mut file = match found {
        Ok(Ok(Some(file))) => file,
        Ok(Ok(None)) => return Err(Status::not_found("this package is not offered to this device")),
        Ok(Err(error)) => {
            warn!(%error, "a package cannot be read");
            return Err(Status::internal(INTERNAL));
        }
        Err(_) => return Err(Status::internal(INTERNAL)),
    };
    let (chunks, stream) = mpsc::channel(AHEAD);
    spawn_blocking(move || {
        let _place = place;
        loop {
            let mut data = vec![0; CHUNK];
            let chunk = match file.read(&mut data) {
                Ok(0) => return,
                Ok(read) => {
                    data.truncate(read);
                    Ok(PackageChunk { data })
                }
                Err(error) => {
                    warn!(%error, "a package cannot be read");
                    Err(Status::internal(INTERNAL))
                }
            };
            let broken = chunk.is_err();
            if chunks.blocking_send(chunk).is_err() || broken {
                return;
            }
        }
    });
    Ok(Response::new(ReceiverStream::new(stream)))
}
