use parlance_testkit::postgres_store;
use sea_orm::{ConnectionTrait as _, Statement};

use crate::tables::migrate;

/// A statement whose plan was made, and kept, when its table was empty.
#[tokio::test]
async fn a_plan_that_was_made_for_an_empty_table_is_good_for_a_large_one() {
    let Some(store) = postgres_store(migrate).await else { return };
    let write = store.begin().await.unwrap();
    let connection = write.connection();
    let rows: Vec<String> = (0..64).map(|row| format!("({row}, ${}::bigint)", row % 4 + 1)).collect();
    let execute = "EXECUTE raise (1, 2, 3, 4)";
    for sql in [
        "CREATE TABLE places (room BIGINT, person BIGINT, seq BIGINT, PRIMARY KEY (room, person))".to_owned(),
        format!(
            "PREPARE raise (bigint, bigint, bigint, bigint) AS WITH v (room, person) AS (VALUES {}) \
             UPDATE places SET seq = seq + 1 FROM v WHERE places.room = v.room AND places.person = v.person",
            rows.join(", ")
        ),
        // As the driver's statements come to be: after five times the plan is no longer made anew.
        "SET LOCAL plan_cache_mode = force_generic_plan".to_owned(),
        execute.to_owned(),
        "INSERT INTO places SELECT n / 100, n % 100, 0 FROM generate_series(1, 20000) n".to_owned(),
    ] {
        connection.execute_unprepared(&sql).await.unwrap();
    }
    let explain = Statement::from_string(write.backend(), format!("EXPLAIN {execute}"));
    let lines = connection.query_all_raw(explain).await.unwrap();
    let plan: Vec<String> = lines.iter().map(|line| line.try_get_by_index(0).unwrap()).collect();
    let plan = plan.join("\n");
    assert!(plan.contains("Index") && !plan.contains("Seq Scan"), "{plan}");
    write.rollback().await.unwrap();
    store.remove().await;
}
