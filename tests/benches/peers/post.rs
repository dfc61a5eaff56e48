//! Requests as the peers' agents make them: over plain HTTP to this machine, a connection each, a number of senders at a
//! time.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};

/// Longer than any answer takes, on a busy machine too.
const PATIENCE: Duration = Duration::from_secs(120);

/// One request without the answer's headers; anything but 200 is a refusal.
pub(crate) fn request(port: u16, head: &str, headers: &[(&str, &str)], body: &[u8]) -> Result<Vec<u8>> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    // With 1.0 an answer is whole and ends with the connection.
    let mut asked = format!(
        "{head} HTTP/1.0\r\nHost: 127.0.0.1\r\nContent-Length: {}\r\n",
        body.len()
    );
    for (name, value) in headers {
        asked.push_str(&format!("{name}: {value}\r\n"));
    }
    asked.push_str("\r\n");
    let mut bytes = asked.into_bytes();
    bytes.extend_from_slice(body);
    stream.write_all(&bytes)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n");
    let (first, rest) = answer.split_at(end.with_context(|| format!("no answer to {head}"))? + 4);
    let first = String::from_utf8_lossy(first);
    let status = first.split(' ').nth(1).unwrap_or_default();
    ensure!(
        status == "200",
        "{head} was refused: {first}{}",
        String::from_utf8_lossy(rest)
    );
    Ok(rest.to_vec())
}

/// Does something with everything, `senders` at a time; the first that failed says why.
pub(crate) fn together<T: Sync>(
    all: &[T],
    senders: usize,
    what: impl Fn(&T) -> Result<()> + Sync,
) -> Result<()> {
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        let work = || -> Result<()> {
            while let Some(one) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
                what(one)?;
            }
            Ok(())
        };
        let senders: Vec<_> = (0..senders).map(|_| scope.spawn(work)).collect();
        let done = senders.into_iter().map(|sender| {
            let ended = sender.join();
            ended.map_err(|_| anyhow::anyhow!("a sender broke down"))?
        });
        done.collect()
    })
}
