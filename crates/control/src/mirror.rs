//! The host's state as a client keeps it: a snapshot and the changes since.

use drawbridge_wire::control::{ApprovalView, Change, HostView, ItemOutcome};

/// Most approvals that are kept after nothing of them can change any more. The host forgets them, too, and
/// tells nobody.
const MOST_OVER: usize = 128;

/// Applies a change to the view.
pub fn apply(view: &mut HostView, seq: u64, change: &Change) {
    view.seq = seq;
    match change {
        Change::AppServer(new) => view.app_server = new.clone(),
        Change::Link(new) => put(&mut view.links, (**new).clone(), |link| &link.id),
        Change::LinkGone { id } => view.links.retain(|link| link.id != *id),
        Change::Vault(new) => view.vault = new.clone(),
        Change::Config(new) => view.config = Some((**new).clone()),
        Change::Skills(new) => view.skills = (**new).clone(),
        Change::SkillsPart(delta) => view.skills.apply(delta),
        Change::Policy(new) => view.policy = new.clone(),
        Change::Thread(new) => put(&mut view.threads, new.clone(), |thread| &thread.id),
        Change::ThreadClosed { id } => view.threads.retain(|thread| thread.id != *id),
        Change::Approval(new) => {
            put(&mut view.approvals, (**new).clone(), |approval| &approval.id);
            forget_old(&mut view.approvals);
        }
        Change::Leases(new) => view.leases.clone_from(new),
        Change::Connections(new) => view.connections.clone_from(new),
        Change::Stopping { .. } => {}
    }
}

fn put<T, K: PartialEq + ?Sized>(list: &mut Vec<T>, new: T, key: impl Fn(&T) -> &K) {
    match list.iter().position(|old| key(old) == key(&new)) {
        Some(place) => list[place] = new,
        None => list.push(new),
    }
}

fn forget_old(approvals: &mut Vec<ApprovalView>) {
    let over = |one: &ApprovalView| one.state.is_over() && one.outcome != Some(ItemOutcome::Running);
    let mut too_many = approvals
        .iter()
        .filter(|one| over(one))
        .count()
        .saturating_sub(MOST_OVER);
    approvals.retain(|one| {
        let goes = too_many > 0 && over(one);
        too_many -= usize::from(goes);
        !goes
    });
}

#[cfg(test)]
#[path = "mirror_tests.rs"]
mod tests;
