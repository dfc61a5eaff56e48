//! A device with a valid certificate that sends changes as fast as they are taken: one title, in another version each
//! time. It goes on where it ended, so that nothing of it is a fork.

use anyhow::{Context as _, Result, bail};
use deskwarden_proto::v1::{
    Delta, Facet, Item, Look, Payload, Record, Section, Software, SourceState, Stamp, Trigger, Welcome,
    agent_frame::Frame, collector_frame::Frame as Reply, payload::Body,
};
use prost::Message as _;
use tokio::{runtime::Handle, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use super::device::{Device, Halves, said};

/// The device, flooding or not.
#[derive(Debug)]
pub struct Flood {
    device: Device,
    running: Option<(CancellationToken, JoinHandle<Result<Device>>)>,
}

impl Flood {
    /// A device that says nothing yet.
    pub fn of(device: Device) -> Self {
        Self {
            device,
            running: None,
        }
    }

    /// Begins.
    pub fn begin(&mut self, runtime: &Handle) {
        let stop = CancellationToken::new();
        let task = runtime.spawn(flood(self.device.clone(), stop.clone()));
        self.running = Some((stop, task));
    }

    /// Ends, and says how many of its records were taken since it began. Nothing of it is under way any more then: the
    /// collector welcomes a device only when its session before is over.
    ///
    /// # Errors
    /// When the collector did not take it to the end, or it had not begun.
    pub async fn end(&mut self) -> Result<u64> {
        let (stop, task) = self.running.take().context("nothing floods")?;
        let before = self.device.hello.acknowledged;
        stop.cancel();
        self.device = task.await??;
        let welcome = greeted(&mut self.device).await?.1;
        Ok(welcome.next_sequence - 1 - before)
    }
}

/// A session of the device, and how it was welcomed; its next hello goes on from there.
async fn greeted(device: &mut Device) -> Result<(Halves, Welcome)> {
    // Told by its records alone: what it has is nobody's fact.
    device.hello.digests.clear();
    let (frames, mut replies) = device.clone().call().await?.opened().await?;
    let Some(Reply::Welcome(welcome)) = replies.message().await?.and_then(|frame| frame.frame) else {
        bail!("the device is not welcomed");
    };
    device.hello.epoch = welcome.epoch;
    device.hello.acknowledged = welcome.next_sequence - 1;
    device.hello.resume_token.clone_from(&welcome.resume_token);
    Ok(((frames, replies), welcome))
}

async fn flood(mut device: Device, stop: CancellationToken) -> Result<Device> {
    let ((frames, mut replies), welcome) = greeted(&mut device).await?;
    let mut next = welcome.next_sequence;
    loop {
        let record = said(Frame::Record(record(welcome.epoch, next)));
        tokio::select! {
            () = stop.cancelled() => return Ok(device),
            reply = replies.message() => match reply?.and_then(|frame| frame.frame) {
                Some(Reply::Ack(ack)) => {
                    device.hello.acknowledged = ack.sequence;
                    device.hello.resume_token = ack.resume_token;
                }
                Some(Reply::Refusal(refusal)) => bail!("refused: {refusal:?}"),
                Some(_) => {}
                None => bail!("the collector hung up"),
            },
            sent = frames.send(record) => {
                sent?;
                next += 1;
                device.hello.enqueued = device.hello.enqueued.max(next - 1);
            }
        }
    }
}

fn record(epoch: u64, sequence: u64) -> Record {
    let title = Software {
        name: "flood".to_owned(),
        version: sequence.to_string(),
        ..Software::default()
    };
    let item = Item {
        section: Section::Software.into(),
        source: "dpkg".to_owned(),
        key: "flood:all".to_owned(),
        principal: String::new(),
        facet: Facet::from(title).encode_to_vec().into(),
        local: Vec::new().into(),
    };
    let looked = SourceState {
        section: Section::Software.into(),
        source: "dpkg".to_owned(),
        look: Look::Looked.into(),
        reason: String::new(),
    };
    let delta = Delta {
        sources: vec![looked],
        put: vec![item],
        trigger: Trigger::Watch.into(),
        ..Delta::default()
    };
    let payload = Payload {
        stamp: Some(Stamp {
            observed_at_ms: 1,
            boot_id: "flood".to_owned(),
            monotonic_ms: sequence,
        }),
        body: Some(Body::Delta(delta)),
    };
    Record {
        epoch,
        sequence,
        payload: payload.encode_to_vec().into(),
        packed: false,
    }
}
