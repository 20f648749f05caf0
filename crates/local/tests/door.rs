//! Two ends of a door.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails where it stands"
)]

use drawbridge_local::door::{self, Listener, Stream};
use std::io::ErrorKind;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

const SOON: Duration = Duration::from_secs(20);

/// Folders whose paths are short enough for a socket.
fn folder() -> tempfile::TempDir {
    tempfile::Builder::new().prefix("d").tempdir().unwrap()
}

async fn both(listener: &Listener, path: &std::path::Path) -> (Stream, Stream) {
    let (came, went) = tokio::join!(listener.accept(), door::connect(path));
    (came.unwrap(), went.unwrap())
}

#[tokio::test]
async fn what_is_said_arrives_both_ways_and_the_end_is_seen() {
    let dir = folder();
    let path = dir.path().join("a.sock");
    let listener = Listener::bind(&path).unwrap();
    let (mut came, mut went) = both(&listener, &path).await;
    assert_eq!(door::foreign_owner(&went).unwrap(), None);
    // More than any buffer holds, both ways at once, with flushes that must not wait for a reader.
    let large = vec![7_u8; 1024 * 1024];
    let talk = async {
        let (mut hears, mut says) = tokio::io::split(&mut came);
        let (mut hears_too, mut says_too) = tokio::io::split(&mut went);
        let (mut one, mut other) = (vec![0; large.len()], vec![0; large.len()]);
        let say = async {
            says.write_all(&large).await.unwrap();
            says.flush().await.unwrap();
        };
        let say_too = async {
            says_too.write_all(&large).await.unwrap();
            says_too.flush().await.unwrap();
        };
        let (one_read, other_read, (), ()) = tokio::join!(
            hears.read_exact(&mut one),
            hears_too.read_exact(&mut other),
            say,
            say_too
        );
        one_read.unwrap();
        other_read.unwrap();
        assert!(one == large && other == large);
    };
    tokio::time::timeout(SOON, talk).await.expect("in time");
    // What was said before the end is heard, and then the end.
    came.write_all(b"bye").await.unwrap();
    drop(came);
    let mut last = Vec::new();
    let read = tokio::time::timeout(SOON, went.read_to_end(&mut last))
        .await
        .expect("in time");
    assert!(read.is_ok() || read.is_err_and(|error| error.kind() == ErrorKind::BrokenPipe));
    assert_eq!(last, b"bye");
}

#[tokio::test]
async fn a_word_without_waiting_is_heard() {
    let dir = folder();
    let path = dir.path().join("b.sock");
    let listener = Listener::bind(&path).unwrap();
    let (mut came, mut went) = both(&listener, &path).await;
    assert_eq!(door::try_write(&mut came, b"full").unwrap(), 4);
    drop(came);
    let mut heard = [0; 4];
    let read = tokio::time::timeout(SOON, went.read_exact(&mut heard))
        .await
        .expect("in time");
    read.unwrap();
    assert_eq!(&heard, b"full");
}

#[tokio::test]
async fn many_come_in_at_once() {
    let dir = folder();
    let path = dir.path().join("c.sock");
    let listener = Listener::bind(&path).unwrap();
    let clients: Vec<_> = (0_u8..16)
        .map(|number| {
            let path = path.clone();
            tokio::spawn(async move {
                let mut stream = door::connect(&path).await.unwrap();
                stream.write_all(&[number]).await.unwrap();
                let mut answer = [0];
                stream.read_exact(&mut answer).await.unwrap();
                assert_eq!(answer[0], number + 100);
            })
        })
        .collect();
    let serve = async {
        for _ in 0..clients.len() {
            let mut stream = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let mut number = [0];
                stream.read_exact(&mut number).await.unwrap();
                stream.write_all(&[number[0] + 100]).await.unwrap();
            });
        }
        for client in clients {
            client.await.unwrap();
        }
    };
    tokio::time::timeout(SOON, serve).await.expect("in time");
}

#[tokio::test]
async fn where_nobody_listens_nobody_answers() {
    let dir = folder();
    for path in [dir.path().join("d.sock"), dir.path().join("no/d.sock")] {
        let error = door::connect(&path).await.expect_err("nobody listens");
        assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    }
    let path = dir.path().join("d.sock");
    drop(Listener::bind(&path).unwrap());
    let error = door::connect(&path).await.expect_err("nobody listens any more");
    assert!(
        matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused),
        "{error}"
    );
}

#[cfg(windows)]
#[tokio::test]
async fn the_caller_is_known() {
    let dir = folder();
    let path = dir.path().join("e.sock");
    let listener = Listener::bind(&path).unwrap();
    let (came, _went) = both(&listener, &path).await;
    assert_eq!(came.client_process_id().unwrap(), std::process::id());
}

/// Wine 8 lets several processes be the first of a name; Windows does not.
#[cfg(windows)]
#[tokio::test]
async fn a_second_listener_is_refused() {
    let dir = folder();
    let path = dir.path().join("f.sock");
    let _listener = Listener::bind(&path).unwrap();
    assert_eq!(
        Listener::bind(&path).expect_err("taken").kind(),
        ErrorKind::AddrInUse
    );
}
