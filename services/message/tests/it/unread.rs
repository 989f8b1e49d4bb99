//! Unread counts against a recount, over random histories.

use parlance_proto::message::*;
use rand::{Rng, SeedableRng, rngs::StdRng};

use crate::world::{World, reference, text_to};

#[tokio::test]
async fn counts_equal_a_recount_over_random_histories() {
    for seed in 0..4 {
        random_history(seed).await;
    }
}

async fn random_history(seed: u64) {
    let mut dice = StdRng::seed_from_u64(seed);
    let world = World::new().await;
    let users = world.users(&["a", "b", "c", "d"]).await;
    let channel = world.channel("group", users[0], &users[1..3]).await;
    let mut members = vec![users[0], users[1], users[2]];
    // What a careful reader would keep: (message, deleted), and each member's position.
    let mut history: Vec<(Message, bool)> = Vec::new();
    let mut positions: std::collections::HashMap<i64, u64> = members.iter().map(|user| (*user, 0)).collect();

    for step in 0..120 {
        let who = members[dice.random_range(0..members.len())];
        match dice.random_range(0..10) {
            0..=4 => {
                let mut request = text_to(channel, &format!("{step}"));
                let live: Vec<_> =
                    history.iter().filter(|(m, deleted)| !deleted && m.parent_num == 0).collect();
                if dice.random_bool(0.2)
                    && let Some((parent, _)) = live.last()
                {
                    request.draft.as_mut().unwrap().parent = Some(reference(parent));
                }
                let sent = world.try_send(who, request).await.unwrap().message.unwrap();
                if recount(&history, who, positions[&who]) == 0 {
                    positions.insert(who, sent.seq);
                }
                history.push((sent, false));
            }
            5..=6 => {
                let own: Vec<usize> = (0..history.len())
                    .filter(|at| history[*at].0.author_num == who && !history[*at].1)
                    .collect();
                if !own.is_empty() {
                    let at = own[dice.random_range(0..own.len())];
                    world.delete(who, &history[at].0).await.unwrap();
                    history[at].1 = true;
                }
            }
            7..=8 => {
                let up_to = (!history.is_empty() && dice.random_bool(0.6))
                    .then(|| history[dice.random_range(0..history.len())].0.clone());
                let answer = world.read(who, channel, up_to.as_ref()).await;
                let seq = up_to.map_or(history.len() as u64, |message| message.seq);
                let position = positions[&who].max(seq);
                positions.insert(who, position);
                assert_eq!(answer.last_read_seq, position, "seed {seed} step {step}");
                assert_eq!(answer.unread, recount(&history, who, position), "seed {seed} step {step}");
            }
            _ => {
                // d comes and goes.
                if members.contains(&users[3]) {
                    world.remove(channel, users[0], users[3]).await;
                    members.retain(|user| *user != users[3]);
                } else {
                    world.add(channel, users[0], &[users[3]]).await;
                    members.push(users[3]);
                    positions.insert(users[3], history.len() as u64);
                }
            }
        }
        for &user in &members {
            let expected = recount(&history, user, positions[&user]);
            assert_eq!(world.unread(user, channel).await, expected, "seed {seed} step {step} user {user}");
        }
    }
}

/// Live main-list messages of others after a position.
fn recount(history: &[(Message, bool)], user: i64, position: u64) -> u64 {
    history
        .iter()
        .filter(|(m, deleted)| !deleted && m.parent_num == 0 && m.author_num != user && m.seq > position)
        .count() as u64
}
