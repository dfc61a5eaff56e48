//! `GET /events`: what happens, as server-sent events that carry ids only. A stream ends with its session.

use std::{convert::Infallible, time::Duration};

use axum::{
    extract::State,
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use tokio::sync::{OwnedSemaphorePermit, broadcast};

use super::{
    error::WebError,
    session::{self, Viewer},
    state::{LiveEvent, WebState},
};

/// How often a stream asks whether its session still holds.
const RECHECK: Duration = Duration::from_secs(60);

struct Stream {
    state: WebState,
    viewer: Viewer,
    events: broadcast::Receiver<LiveEvent>,
    recheck: tokio::time::Interval,
    _permit: OwnedSemaphorePermit,
}

/// Opens a stream.
pub(super) async fn events(State(state): State<WebState>, viewer: Viewer) -> Result<Response, WebError> {
    let permit = std::sync::Arc::clone(&state.streams)
        .try_acquire_owned()
        .map_err(|_| WebError::Busy)?;
    let mut recheck = tokio::time::interval(RECHECK);
    recheck.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    recheck.reset();
    let stream = Stream {
        events: state.events.subscribe(),
        state,
        viewer,
        recheck,
        _permit: permit,
    };
    let stream = futures_stream(stream);
    let keep_alive = KeepAlive::new()
        .interval(Duration::from_secs(20))
        .text("still here");
    let mut response = Sse::new(stream).keep_alive(keep_alive).into_response();
    // A proxy in between must not hold events back.
    response
        .headers_mut()
        .insert("x-accel-buffering", axum::http::HeaderValue::from_static("no"));
    Ok(response)
}

/// The stream of a connection: says hello at once, then whatever happens.
fn futures_stream(stream: Stream) -> impl futures_core::Stream<Item = Result<Event, Infallible>> {
    let (sender, receiver) = tokio::sync::mpsc::channel(16);
    tokio::spawn(pump(stream, sender));
    tokio_stream::wrappers::ReceiverStream::new(receiver)
}

async fn pump(mut stream: Stream, sender: tokio::sync::mpsc::Sender<Result<Event, Infallible>>) {
    if sender.send(Ok(Event::default().comment("open"))).await.is_err() {
        return;
    }
    loop {
        let event = tokio::select! {
            () = sender.closed() => return,
            event = stream.events.recv() => event,
            _ = stream.recheck.tick() => {
                if still_signed_in(&stream).await { continue } else { return }
            }
        };
        let message = match event {
            // Whoever is limited to departments learns that something happened, not to whom.
            Ok(event) if stream.viewer.sight.is_limited() => {
                let event = LiveEvent {
                    finding_id: None,
                    asset_id: None,
                    ..event
                };
                Event::default().event("change").json_data(&event).ok()
            }
            Ok(event) => Event::default().event("change").json_data(&event).ok(),
            // Too slow to see each: the page asks for everything anyway.
            Err(broadcast::error::RecvError::Lagged(_)) => Some(Event::default().event("lagged").data("{}")),
            Err(broadcast::error::RecvError::Closed) => return,
        };
        if let Some(message) = message
            && sender.send(Ok(message)).await.is_err()
        {
            return;
        }
    }
}

async fn still_signed_in(stream: &Stream) -> bool {
    let (hash, policy, now) = (
        stream.viewer.session,
        stream.state.config.sign_in,
        stream.state.clock.now(),
    );
    matches!(
        stream
            .state
            .ask(move |store| session::find(store, &hash, &policy, now))
            .await,
        Ok(Some(_))
    )
}
