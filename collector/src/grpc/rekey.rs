//! The end of a clone: a second installation that speaks for a device while the first is here gets a token
//! of one use and becomes a device of its own. Nothing that it reports as the other device is taken.

use std::time::Duration;

use deskwarden_domain::{
    lifecycle::PRODUCT,
    model::{AuditEntry, TokenId, TokenRow},
    token::Token,
};
use deskwarden_proto::v1::{
    AgentFrame, Directive, Rekey, Welcome, agent_frame::Frame as Said, collector_frame::Frame,
    directive::What,
};
use tokio::time::timeout;
use tonic::Streaming;
use tracing::{error, info, warn};

use super::{
    end::busy,
    guard::Caller,
    outgoing::{Outgoing, Refused},
    room::Room,
};
use crate::entropy;

/// How long the token lives, and how long the agent may take to enrol with it.
const PATIENCE: Duration = Duration::from_secs(600);
/// Number of the directive; there is no other on the stream.
const DIRECTIVE: u64 = 1;

/// A welcome that moves nothing on the agent's side: no token, no request for content.
pub(super) fn welcome(welcome: Welcome) -> Welcome {
    Welcome {
        resume_token: Vec::new(),
        resync: Vec::new(),
        ..welcome
    }
}

/// Tells the clone to enrol with a key of its own and waits until it did. What else it says is not heard.
pub(super) async fn rekey(room: &Room, caller: Caller, frames: &mut Streaming<AgentFrame>, out: &Outgoing) {
    let Some(token) = token(room, caller).await else {
        out.refuse(busy()).await;
        return;
    };
    let directive = Directive {
        id: DIRECTIVE,
        what: Some(What::Rekey(Rekey {
            token: token.reveal().to_owned(),
        })),
    };
    if out.send(Frame::Directive(directive)).await.is_err() {
        return;
    }
    let answered = async {
        while let Ok(Some(frame)) = frames.message().await {
            match frame.frame {
                Some(Said::DirectiveDone(done)) if done.id == DIRECTIVE => return Some(done.done),
                Some(Said::Goodbye(_)) => return None,
                _ => {}
            }
        }
        None
    };
    let answered = tokio::select! {
        () = room.cancel.cancelled() => None,
        answered = timeout(PATIENCE, answered) => answered.unwrap_or(Some(false)),
    };
    match answered {
        Some(true) => info!("the clone is a device of its own now"),
        Some(false) => {
            warn!("the clone did not become a device of its own");
            out.refuse(Refused::Fork).await;
        }
        // It is gone; when it comes again, it is told again.
        None => {}
    }
}

/// A token of one use, made for this clone.
async fn token(room: &Room, caller: Caller) -> Option<Token> {
    let token = match entropy::bytes(room.entropy.as_ref()) {
        Ok(bits) => Token::from_random(bits),
        Err(fault) => {
            error!(%fault, "cannot make a token for a clone");
            return None;
        }
    };
    let at = (room.now)();
    let row = TokenRow {
        id: TokenId(0),
        label: format!("clone of {}", caller.device),
        hash: token.hash(),
        max_uses: 1,
        uses: 0,
        expires_at: at.saturating_add(i64::try_from(PATIENCE.as_millis()).unwrap_or(i64::MAX)),
        cidr: None,
        needs_approval: false,
        department: None,
        created_at: at,
        created_by: PRODUCT.to_owned(),
        revoked_at: None,
    };
    let audit = AuditEntry {
        at,
        actor: PRODUCT.to_owned(),
        action: "device.rekey".to_owned(),
        object: format!("device:{}", caller.device),
        detail: "a token of one use, for the installation that came second".to_owned(),
    };
    let store = room.store.clone();
    match tokio::task::spawn_blocking(move || store.create_token(&row, &audit)).await {
        Ok(Ok(_)) => Some(token),
        Ok(Err(fault)) => {
            error!(
                error = &fault as &dyn std::error::Error,
                "cannot make a token for a clone"
            );
            None
        }
        Err(_) => None,
    }
}
