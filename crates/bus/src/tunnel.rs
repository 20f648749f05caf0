//! A tunnel from the host's side: it came, now the client's socket is brought to it.

use crate::BusLimits;
use crate::roster::Claim;
use crate::splice::{reason, splice};
use crate::upgrade::{Socket, close};
use drawbridge_wire::link::TunnelEnd;
use tokio::sync::oneshot;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

/// Serves a tunnel whose host has dialled it.
pub(crate) async fn serve(host: Socket, claim: Claim<Socket>, limits: BusLimits) {
    let Claim { answer, link, place } = claim;
    let (bring, brought) = oneshot::channel();
    let client = match answer.send(Ok(bring)) {
        Ok(()) => tokio::select! {
            () = link.cancelled() => Err(TunnelEnd::LinkLost),
            // The sender is dropped when the client goes away before it was answered.
            client = timeout(limits.dial, brought) => client.ok().and_then(Result::ok).ok_or(TunnelEnd::ClientGone),
        },
        Err(_) => Err(TunnelEnd::ClientGone),
    };
    match client {
        Ok(client) => splice(client, host, &link, &limits).await,
        Err(end) => close(host, reason(CloseCode::Away, end), limits.send).await,
    }
    drop(place);
}
