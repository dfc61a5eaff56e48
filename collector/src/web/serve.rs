//! Connections of browsers, each with a time for the head of a request: who never ends one holds nothing.

use std::{io, time::Duration};

use axum::{Router, serve::Listener as _};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
    service::TowerToHyperService,
};
use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::net::TlsListener;

/// Longest time for the head of a request, and longest silence between two.
const HEAD: Duration = Duration::from_secs(30);
/// How long requests may go on after the end was asked for; event streams would last as long as their pages.
const LINGER: Duration = Duration::from_secs(3);

/// HTTP with that time for a head.
fn within(head: Duration) -> http1::Builder {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(head);
    http
}

/// Serves the dashboard until cancelled.
pub async fn serve(mut listener: TlsListener, router: Router, cancel: CancellationToken) -> io::Result<()> {
    let http = within(HEAD);
    let open = GracefulShutdown::new();
    loop {
        let (stream, _) = tokio::select! {
            accepted = listener.accept() => accepted,
            () = cancel.cancelled() => break,
        };
        let service = TowerToHyperService::new(router.clone());
        let connection = open.watch(http.serve_connection(TokioIo::new(stream), service));
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                debug!(%error, "a connection of a browser ended");
            }
        });
    }
    // What is not done by then is cut off with the runtime.
    tokio::time::timeout(LINGER, open.shutdown()).await.ok();
    Ok(())
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};

    use super::*;

    /// Long for a machine under load; nothing waits for it to pass.
    const PATIENCE: Duration = Duration::from_secs(60);

    fn browser() -> DuplexStream {
        let (browser, server) = tokio::io::duplex(4096);
        let router = Router::new().route("/", axum::routing::get(|| async { "here" }));
        let service = TowerToHyperService::new(router);
        tokio::spawn(within(Duration::from_millis(200)).serve_connection(TokioIo::new(server), service));
        browser
    }

    async fn until_closed(browser: &mut DuplexStream) -> String {
        let mut heard = Vec::new();
        tokio::time::timeout(PATIENCE, browser.read_to_end(&mut heard))
            .await
            .expect("the connection is still open")
            .unwrap();
        String::from_utf8(heard).unwrap()
    }

    #[tokio::test]
    async fn who_never_ends_a_head_is_left() {
        let mut browser = browser();
        browser
            .write_all(b"GET / HTTP/1.1\r\nHost: desk\r\n")
            .await
            .unwrap();
        assert!(!until_closed(&mut browser).await.contains("200"));
    }

    #[tokio::test]
    async fn a_request_is_answered_and_silence_after_it_ends_the_connection() {
        let mut browser = browser();
        browser
            .write_all(b"GET / HTTP/1.1\r\nHost: desk\r\n\r\n")
            .await
            .unwrap();
        let heard = until_closed(&mut browser).await;
        assert!(
            heard.starts_with("HTTP/1.1 200") && heard.ends_with("here"),
            "{heard}"
        );
    }
}
