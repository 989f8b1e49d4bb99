//! The statements that are written by hand or decided by unique keys, once more on PostgreSQL.

use crate::house::House;
use crate::{authorize, blocks, companions, create, invites, list, members, touch, user_deleted, workspaces};

#[tokio::test(flavor = "multi_thread")]
async fn the_same_scenarios_hold_on_postgresql() {
    // Runs where PARLANCE_TEST_POSTGRES_URL names a server.
    let Some(house) = House::on_postgres().await else { return };
    create::a_hundred_at_once(&house).await;
    create::same_names(&house).await;
    authorize::fifty_joins(&house).await;
    authorize::a_table_of_questions(&house).await;
    companions::of_small_channels(&house).await;
    list::first_members_of_many(&house).await;
    members::handover(&house).await;
    touch::only_forward(&house).await;
    user_deleted::memberships_end(&house).await;
    blocks::end_to_end(&house).await;
    invites::no_more_than_it_says(&house).await;
    workspaces::one_name(&house).await;
    workspaces::last_owners(&house).await;
    workspaces::leaving_and_joining(&house).await;
    house.tear_down().await;
    // Lists see what is discoverable, so they want an app of their own.
    let Some(house) = House::on_postgres().await else { return };
    list::order_and_pages(&house).await;
    house.tear_down().await;
}
