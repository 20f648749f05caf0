//! Windows: named pipes that take this user's processes on this computer only.
//!
//! The names of pipes are common to all users and nobody owns one in advance. So who listens insists on being
//! the first, and who connects looks whose process listens before a word is said.

use crate::windows_user::{our_user, user_of};
use interprocess::os::windows::ToWtf16 as _;
use interprocess::os::windows::named_pipe::pipe_mode::Bytes;
use interprocess::os::windows::named_pipe::tokio::{DuplexPipeStream, PipeListener};
use interprocess::os::windows::named_pipe::{PipeListenerOptions, PipeMode};
use interprocess::os::windows::security_descriptor::SecurityDescriptor;
use sha2::{Digest as _, Sha256};
use std::ffi::{OsStr, OsString};
use std::fs::OpenOptions;
use std::io::{self, ErrorKind};
use std::os::windows::ffi::OsStrExt as _;
use std::os::windows::fs::OpenOptionsExt as _;
use std::os::windows::io::OwnedHandle;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

/// `ERROR_PIPE_BUSY`: the listener is just making room for the next.
const PIPE_BUSY: i32 = 231;
/// `ERROR_ACCESS_DENIED`, which is also what a second listener of a name gets.
const ACCESS_DENIED: i32 = 5;
/// `FILE_FLAG_OVERLAPPED`.
const OVERLAPPED: u32 = 0x4000_0000;
/// `SECURITY_IDENTIFICATION`: who listens may learn who we are, and may not act as us.
const IDENTIFICATION: u32 = 0x0001_0000;
/// Longest a listener may take to make room.
const ROOM: Duration = Duration::from_secs(2);
/// How often that is looked at.
const ROOM_STEP: Duration = Duration::from_millis(10);
/// Digits of the digest in a name: as good as all of them.
const NAME: usize = 32;
/// What a pipe keeps for a reader that is slow.
const BUFFER: u32 = 64 * 1024;

/// Longest path of a door: any will do, as only a digest of it is used.
pub const LONGEST_PATH: usize = usize::MAX;

/// One connection.
#[derive(Debug)]
pub struct Stream(DuplexPipeStream<Bytes>);

impl Stream {
    /// Process id at the other end of a connection that came in.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn client_process_id(&self) -> io::Result<u32> {
        self.0.client_process_id()
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

/// What is written is with the system at once, as with a socket. To flush a pipe means something else: to wait
/// until the other end has read it all, and two ends that both wait for that wait for ever. When a stream is
/// dropped, what is still in it is kept until the other end has read it.
impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Waits for connections.
#[derive(Debug)]
pub struct Listener(PipeListener<Bytes, Bytes>);

impl Listener {
    /// Makes the door: the first of its name, for this user and this computer only.
    ///
    /// # Errors
    /// `AddrInUse` when another process listens at it already; otherwise when the system does not let us.
    pub fn bind(path: &Path) -> io::Result<Self> {
        let mut options = PipeListenerOptions::new().path(pipe_of(path)?);
        options.mode = PipeMode::Bytes;
        options.accept_remote = false;
        options.input_buffer_size_hint = BUFFER;
        options.output_buffer_size_hint = BUFFER;
        options.security_descriptor = Some(only_us()?);
        match options.create_tokio_duplex() {
            Ok(listener) => Ok(Self(listener)),
            Err(error) if error.raw_os_error() == Some(ACCESS_DENIED) => Err(io::Error::new(
                ErrorKind::AddrInUse,
                "another process listens there already",
            )),
            Err(error) => Err(error),
        }
    }

    /// Waits for the next connection, as long as it takes.
    ///
    /// # Errors
    /// When the system has no room for it; the next may succeed.
    pub async fn accept(&self) -> io::Result<Stream> {
        self.0.accept().await.map(Stream)
    }
}

/// Goes through a door. That it is this user's has to be asked with [`foreign_owner`].
///
/// # Errors
/// `NotFound` when nobody listens.
pub async fn connect(path: &Path) -> io::Result<Stream> {
    let name = pipe_of(path)?;
    let deadline = Instant::now() + ROOM;
    loop {
        let opened = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(OVERLAPPED)
            .security_qos_flags(IDENTIFICATION)
            .open(&name);
        match opened {
            Ok(pipe) => {
                let stream = DuplexPipeStream::try_from(OwnedHandle::from(pipe));
                return stream
                    .map(Stream)
                    .map_err(|error| error.cause.unwrap_or_else(|| error.details.into()));
            }
            Err(error) if error.raw_os_error() == Some(PIPE_BUSY) && Instant::now() < deadline => {
                tokio::time::sleep(ROOM_STEP).await;
            }
            Err(error) => return Err(error),
        }
    }
}

/// Whose door this is when it is not this user's.
///
/// # Errors
/// When the system does not tell.
pub fn foreign_owner(stream: &Stream) -> io::Result<Option<String>> {
    let owner = user_of(stream.0.server_process_id()?).ok_or_else(untold)?;
    Ok((owner != our_user().ok_or_else(untold)?).then_some(owner))
}

/// Writes as much as there is room for, without waiting.
///
/// # Errors
/// When there is no room, or nobody at the other end.
pub fn try_write(stream: &mut Stream, bytes: &[u8]) -> io::Result<usize> {
    let mut context = Context::from_waker(Waker::noop());
    match Pin::new(stream).poll_write(&mut context, bytes) {
        Poll::Ready(written) => written,
        Poll::Pending => Err(ErrorKind::WouldBlock.into()),
    }
}

/// Whether the system takes no door of this path: its name is always short.
#[must_use]
pub fn is_too_long(_path: &Path) -> bool {
    false
}

fn untold() -> io::Error {
    io::Error::new(
        ErrorKind::PermissionDenied,
        "the system does not tell whose process it is",
    )
}

/// Everything for this user; nothing for anybody else, nor over the network, nor inherited.
fn only_us() -> io::Result<SecurityDescriptor> {
    let user = our_user().ok_or_else(untold)?;
    let list = format!("D:P(A;;GA;;;{user})");
    let list = OsStr::new(&list).to_wtf_16().map_err(io::Error::other)?;
    SecurityDescriptor::deserialize(&list)
}

/// The name of the pipe for a door of this path. The folder is taken as the system knows it, so that whoever
/// names it otherwise (short names, links, another case) means the same pipe.
fn pipe_of(path: &Path) -> io::Result<OsString> {
    let (Some(folder), Some(file)) = (path.parent(), path.file_name()) else {
        return Err(io::Error::new(ErrorKind::InvalidInput, "no path of a door"));
    };
    let whole = folder.canonicalize()?.join(file);
    let mut hash = Sha256::new();
    for unit in whole.as_os_str().encode_wide() {
        hash.update(unit.to_le_bytes());
    }
    let digest = hex::encode(hash.finalize());
    Ok(format!(r"\\.\pipe\drawbridge-{}", &digest[..NAME]).into())
}
