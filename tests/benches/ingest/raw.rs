//! The wire without an agent behind it: as many hellos and heartbeats as a connection takes, so that what is
//! measured is the other side.

use anyhow::Result;
use deskwarden_agent::transport::Channel;
use deskwarden_proto::v1::{Heartbeat, agent_frame::Frame, session_client::SessionClient};
use deskwarden_tests::sim::device::{Caller, said};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

/// Says hello, is welcomed, and hangs up; as often as asked, on one connection.
pub(crate) async fn hellos(caller: Caller, times: usize) -> Result<()> {
    for _ in 0..times {
        heartbeats(caller.clone(), 0).await?;
    }
    Ok(())
}

/// One session with that many heartbeats.
pub(crate) async fn heartbeats(caller: Caller, times: usize) -> Result<()> {
    let (frames, mut replies) = caller.welcomed().await?;
    for _ in 0..times {
        frames.send(said(Frame::Heartbeat(Heartbeat {}))).await?;
    }
    drop(frames);
    while replies.message().await?.is_some() {}
    Ok(())
}

/// The same frames to the echo, which answers each.
pub(crate) async fn echoed(channel: Channel, times: usize) -> Result<()> {
    let (frames, outgoing) = mpsc::channel(64);
    let mut client = SessionClient::with_origin(channel.clone(), channel.origin());
    let mut replies = client.run(ReceiverStream::new(outgoing)).await?.into_inner();
    let sending = tokio::spawn(async move {
        for _ in 0..times {
            if frames.send(said(Frame::Heartbeat(Heartbeat {}))).await.is_err() {
                return;
            }
        }
    });
    let mut heard = 0;
    while replies.message().await?.is_some() {
        heard += 1;
    }
    sending.await?;
    anyhow::ensure!(heard == times, "{heard} echoes of {times}");
    Ok(())
}
