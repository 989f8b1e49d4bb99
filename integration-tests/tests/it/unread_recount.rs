//! chatsdk.md §3.3: unread counts against a recount, over random histories of REST calls.

use std::collections::HashMap;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::prelude::*;

/// A message as the recount knows it.
struct Sent {
    id: String,
    author: usize,
    seq: u64,
    counts: bool,
}

/// One channel as the recount knows it.
#[derive(Default)]
struct Model {
    sent: Vec<Sent>,
    /// Read position of each member.
    position: HashMap<usize, u64>,
}

impl Model {
    fn unread(&self, user: usize) -> u64 {
        let Some(position) = self.position.get(&user) else { return 0 };
        let unread = self.sent.iter().filter(|one| one.counts && one.author != user && one.seq > *position);
        unread.count() as u64
    }

    fn top(&self) -> u64 {
        self.sent.last().map_or(0, |one| one.seq)
    }

    fn any_live(&self, random: &mut StdRng) -> Option<usize> {
        (!self.sent.is_empty()).then(|| random.random_range(0..self.sent.len()))
    }
}

async fn history(seed: u64, steps: usize) {
    let mut random = StdRng::seed_from_u64(seed);
    let server = Harness::start().await;
    let users = server.users(["u0", "u1", "u2"]).await;
    let channel = users[0].group("g", &[&users[1], &users[2]]).await;
    let mut model = Model { position: (0..3).map(|user| (user, 0)).collect(), ..Model::default() };
    for step in 0..steps {
        let user = random.random_range(0..3);
        let by = &users[user];
        let is_member = model.position.contains_key(&user);
        match random.random_range(0..12) {
            0..=4 if is_member => {
                let message = by.send(&channel, &format!("{step}")).await;
                // The author's own position moves only if nothing unread lies before.
                if model.unread(user) == 0 {
                    model.position.insert(user, seq(&message));
                }
                model.sent.push(Sent { id: id(&message), author: user, seq: seq(&message), counts: true });
            }
            5 if is_member => {
                if let Some(at) = model.any_live(&mut random).filter(|at| model.sent[*at].counts) {
                    let body = json!({"text": "reply", "parentId": model.sent[at].id});
                    let reply = by.send_body(&channel, &body).await.created();
                    model.sent.push(Sent { id: id(&reply), author: user, seq: seq(&reply), counts: false });
                }
            }
            6 | 7 => {
                if let Some(at) = model.any_live(&mut random) {
                    let author = model.sent[at].author;
                    if model.position.contains_key(&author) {
                        users[author].delete(&msg(&channel, &model.sent[at].id)).await.ok();
                        model.sent[at].counts = false;
                    }
                }
            }
            8 => {
                if let Some(at) = model.any_live(&mut random).filter(|at| model.sent[*at].counts) {
                    let author = model.sent[at].author;
                    if model.position.contains_key(&author) {
                        let path = msg(&channel, &model.sent[at].id);
                        users[author].patch(&path, &json!({"text": "edited"})).await.ok();
                    }
                }
            }
            9 if is_member => {
                by.post_empty(&format!("{}/read", ch(&channel))).await.ok();
                let top = model.top();
                model.position.insert(user, top);
            }
            10 if is_member => {
                if let Some(at) = model.any_live(&mut random) {
                    let body = json!({"messageId": model.sent[at].id});
                    by.post(&format!("{}/read", ch(&channel)), &body).await.ok();
                    let position = model.position[&user].max(model.sent[at].seq);
                    model.position.insert(user, position);
                }
            }
            11 if user != 0 => {
                if is_member {
                    by.delete(&format!("{}/members/me", ch(&channel))).await.ok();
                    model.position.remove(&user);
                } else {
                    let body = json!({"userId": by.id});
                    users[0].post(&format!("{}/members", ch(&channel)), &body).await.ok();
                    let top = model.top();
                    model.position.insert(user, top);
                }
            }
            _ => continue,
        }
        for (number, user) in users.iter().enumerate() {
            let expected = model.unread(number);
            let what = format!("seed {seed}, step {step}, {}", user.id);
            assert_eq!(user.total_unread().await, expected, "{what}");
            if model.position.contains_key(&number) {
                assert_eq!(user.unread(&channel).await, expected, "{what}");
            }
        }
    }
}

#[tokio::test]
async fn unread_equals_a_recount_over_random_histories() {
    for seed in 1..=4 {
        history(seed, 60).await;
    }
}
