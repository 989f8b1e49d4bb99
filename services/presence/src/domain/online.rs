//! The one place that decides who is online.

use std::time::Duration;

use parlance_core::Micros;

/// Activity counts as being online for this long.
pub const ACTIVE_FOR: Duration = Duration::from_secs(5 * 60);
/// A disconnect is announced once it is this old.
pub const GRACE: Duration = Duration::from_secs(10);
/// What is known of a user is forgotten this long after the last sign of him.
pub const REMEMBER: Duration = Duration::from_secs(24 * 3600);

/// What is known of a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Signs {
    /// Connections open now.
    pub connections: u32,
    /// The last thing that he did, opening a connection included.
    pub active_at: Option<Micros>,
    /// When one of his connections closed last; says something once none is open.
    pub closed_at: Option<Micros>,
    /// When he last declared himself offline.
    pub declared_offline_at: Option<Micros>,
}

impl Signs {
    /// Nothing is known.
    pub const NONE: Self =
        Self { connections: 0, active_at: None, closed_at: None, declared_offline_at: None };
}

/// Whether the user counts as online. A declaration of being offline speaks for one device; it ends
/// what activity says, not what a connection that is still open says.
pub fn is_online(signs: &Signs, now: Micros) -> bool {
    signs.connections > 0 || online_until(signs).is_some_and(|until| now < until)
}

/// When the user was last there: now, if he is connected.
pub fn last_seen(signs: &Signs, now: Micros) -> Option<Micros> {
    if signs.connections > 0 { Some(now) } else { last_sign(signs) }
}

/// Until when activity alone keeps him online; `None` if something after it says that he left.
fn online_until(signs: &Signs) -> Option<Micros> {
    let active = signs.active_at?;
    (Some(active) > signs.closed_at && Some(active) > signs.declared_offline_at).then(|| active + ACTIVE_FOR)
}

fn last_sign(signs: &Signs) -> Option<Micros> {
    signs.active_at.max(signs.closed_at).max(signs.declared_offline_at)
}

/// What follows from the signs at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing to tell; look again then (`None` = when something happens).
    Settled { look_again: Option<Micros> },
    /// Others must hear that he is online, or that he is not; then ask again.
    Announce { online: bool },
    /// Nothing needs to be known of him any longer.
    Forget,
}

/// Compares what is so with what others were told (`announced` = they take him to be online).
pub fn judge(signs: &Signs, announced: bool, now: Micros) -> Verdict {
    let online = is_online(signs, now);
    match (online, announced) {
        (true, false) => Verdict::Announce { online: true },
        (true, true) if signs.connections > 0 => Verdict::Settled { look_again: None },
        (true, true) => Verdict::Settled { look_again: online_until(signs) },
        (false, true) => match signs.closed_at.map(|closed| closed + GRACE) {
            Some(due) if now < due => Verdict::Settled { look_again: Some(due) },
            _ => Verdict::Announce { online: false },
        },
        (false, false) => match last_sign(signs).map(|sign| sign + REMEMBER) {
            Some(until) if now < until => Verdict::Settled { look_again: Some(until) },
            _ => Verdict::Forget,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Micros = Micros::from_secs(1_800_000_000);

    fn ago(seconds: u64) -> Option<Micros> {
        Some(NOW - Duration::from_secs(seconds))
    }

    fn signs(connections: u32, active: Option<u64>, closed: Option<u64>, declared: Option<u64>) -> Signs {
        Signs {
            connections,
            active_at: active.and_then(ago),
            closed_at: closed.and_then(ago),
            declared_offline_at: declared.and_then(ago),
        }
    }

    #[test]
    fn a_connection_else_recent_activity_not_overridden_means_online() {
        // connections, active, closed, declared offline (seconds ago); online
        let table = [
            (0, None, None, None, false),
            (1, None, None, None, true),
            (1, Some(4000), None, None, true),
            // an open connection stands against a declaration and an earlier disconnect
            (1, Some(9), None, Some(3), true),
            (1, Some(9), Some(3), None, true),
            (0, Some(0), None, None, true),
            (0, Some(299), None, None, true),
            (0, Some(300), None, None, false),
            // leaving overrides earlier activity, not later
            (0, Some(20), Some(10), None, false),
            (0, Some(10), Some(20), None, true),
            (0, Some(20), None, Some(10), false),
            (0, Some(10), None, Some(20), true),
            (0, Some(10), Some(20), Some(5), false),
            // at the same instant leaving wins
            (0, Some(10), Some(10), None, false),
            (0, Some(10), None, Some(10), false),
            (0, None, Some(1), None, false),
            (0, None, None, Some(1), false),
        ];
        for (connections, active, closed, declared, online) in table {
            let signs = signs(connections, active, closed, declared);
            assert_eq!(is_online(&signs, NOW), online, "{signs:?}");
        }
    }

    #[test]
    fn last_seen_is_the_last_sign_or_now_while_connected() {
        assert_eq!(last_seen(&Signs::default(), NOW), None);
        assert_eq!(last_seen(&signs(1, Some(90), None, None), NOW), Some(NOW));
        assert_eq!(last_seen(&signs(0, Some(90), Some(30), None), NOW), ago(30));
        assert_eq!(last_seen(&signs(0, Some(20), Some(30), Some(40)), NOW), ago(20));
    }

    #[test]
    fn changes_are_announced_a_disconnect_only_after_its_grace() {
        let after = |seconds| Some(NOW + Duration::from_secs(seconds));
        let quiet = |look_again| Verdict::Settled { look_again };
        // signs, what others were told; what follows
        let table = [
            (signs(1, Some(0), None, None), false, Verdict::Announce { online: true }),
            (signs(1, Some(0), None, None), true, quiet(None)),
            (signs(0, Some(60), None, None), true, quiet(after(240))),
            (signs(0, Some(300), None, None), true, Verdict::Announce { online: false }),
            (signs(0, Some(60), Some(4), None), true, quiet(after(6))),
            (signs(0, Some(60), Some(10), None), true, Verdict::Announce { online: false }),
            // a declaration is announced at once, unless a connection has just closed: a page reloads
            (signs(0, Some(60), None, Some(1)), true, Verdict::Announce { online: false }),
            (signs(0, Some(60), Some(2), Some(1)), true, quiet(after(8))),
            (signs(0, Some(60), Some(4), None), false, quiet(after(24 * 3600 - 4))),
            (signs(0, Some(24 * 3600), None, None), false, Verdict::Forget),
            (Signs::default(), false, Verdict::Forget),
        ];
        for (signs, announced, verdict) in table {
            assert_eq!(judge(&signs, announced, NOW), verdict, "{signs:?} announced={announced}");
        }
    }
}
