//! One connection that hears topics of one server.

use std::sync::Arc;
use std::time::Duration;

use parlance_core::Result;
use parlance_redis::{Listening, Node, Push};
use tokio::sync::mpsc;

use super::codec::Names;
use super::receiver::Ask;
use crate::Topic;

/// Time between two questions whether the server is still there. With the two seconds that an answer
/// may take, a silent server is noticed within five.
const PING: Duration = Duration::from_secs(2);
/// Orders carried out together.
const BATCH: usize = 1024;

/// What an ear is told.
#[derive(Debug, Clone, Copy)]
pub(super) enum Order {
    /// With the number of the order.
    Hear(Topic, u64),
    Leave(Topic),
}

/// Connects, carries out orders in their sequence and reports what became of them, until the
/// connection is lost or nobody gives orders any longer.
pub(super) async fn run(
    number: u64,
    node: Arc<Node>,
    names: Names,
    mut orders: mpsc::UnboundedReceiver<Order>,
    hear: impl Fn(Push) + Send + Sync + 'static,
    report: mpsc::WeakUnboundedSender<Ask>,
) {
    let ended = listen(number, &node, &names, &mut orders, hear, &report).await;
    if let Err(error) = ended {
        tracing::debug!(address = node.address(), %error, "the bus does not hear Redis");
    }
    if let Some(report) = report.upgrade() {
        let _ = report.send(Ask::Lost { ear: number });
    }
}

async fn listen(
    number: u64,
    node: &Node,
    names: &Names,
    orders: &mut mpsc::UnboundedReceiver<Order>,
    hear: impl Fn(Push) + Send + Sync + 'static,
    report: &mpsc::WeakUnboundedSender<Ask>,
) -> Result<()> {
    let mut listening = node.listen(hear).await?;
    let mut batch = Vec::new();
    loop {
        match tokio::time::timeout(PING, orders.recv_many(&mut batch, BATCH)).await {
            Err(_) => listening.ping().await?,
            Ok(0) => return Ok(()),
            Ok(_) => carry_out(number, names, &mut listening, &mut batch, report).await?,
        }
    }
}

async fn carry_out(
    number: u64,
    names: &Names,
    listening: &mut Listening,
    batch: &mut Vec<Order>,
    report: &mpsc::WeakUnboundedSender<Ask>,
) -> Result<()> {
    let orders = std::mem::take(batch);
    let hears = |order: &Order| matches!(order, Order::Hear(..));
    for alike in orders.chunk_by(|one, other| hears(one) == hears(other)) {
        let texts: Vec<String> =
            alike.iter().map(|&(Order::Hear(topic, _) | Order::Leave(topic))| names.of(topic)).collect();
        if alike.first().is_some_and(hears) {
            listening.subscribe(&texts).await?;
            let topics = alike.iter().filter_map(|order| match *order {
                Order::Hear(topic, number) => Some((topic, number)),
                Order::Leave(_) => None,
            });
            if let Some(report) = report.upgrade() {
                let _ = report.send(Ask::Heard { ear: number, topics: topics.collect() });
            }
        } else {
            listening.unsubscribe(&texts).await?;
        }
    }
    Ok(())
}
