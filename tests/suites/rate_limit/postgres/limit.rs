//! The store in Postgres that the page `processes` shows.

use std::time::Duration;

use meetbit_client::{
    BoxError, SharedLimit,
    rate_limit::{self, Ask, BoxFuture, Report, State, Verdict},
};
use sqlx::PgPool;

/// `CREATE TABLE meetbit_limit (tenant text PRIMARY KEY,
/// state text NOT NULL, moment bigint NOT NULL)`
pub(crate) struct PostgresLimit(pub(crate) PgPool);

impl PostgresLimit {
    async fn change<R>(
        &self,
        tenant: &str,
        decide: impl FnOnce(&mut State, Duration) -> R,
    ) -> Result<R, BoxError> {
        let mut transaction = self.0.begin().await?;
        // Locks the tenant's row, which is made if there is none.
        let lock = "INSERT INTO meetbit_limit VALUES ($1, $2, 0)
            ON CONFLICT (tenant) DO UPDATE SET tenant = $1
            RETURNING state, moment";
        let new = serde_json::to_string(&State::default())?;
        let row =
            sqlx::query_as::<_, (String, i64)>(lock).bind(tenant).bind(new);
        let (state, last) = row.fetch_one(&mut *transaction).await?;
        let clock = "SELECT
            (extract(epoch FROM clock_timestamp()) * 1000000)::bigint";
        let clock: i64 =
            sqlx::query_scalar(clock).fetch_one(&mut *transaction).await?;
        let moment = clock.max(last); // moments do not go back
        let now = Duration::from_micros(moment.try_into()?);
        let mut state: State = serde_json::from_str(&state)?;
        let result = decide(&mut state, now);
        if state.drop_idle(now) {
            state = State::default();
        }
        let store = "UPDATE meetbit_limit SET state = $2, moment = $3
            WHERE tenant = $1";
        let new = serde_json::to_string(&state)?;
        let store = sqlx::query(store).bind(tenant).bind(new).bind(moment);
        store.execute(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(result)
    }
}

impl SharedLimit for PostgresLimit {
    fn ask<'a>(
        &'a self,
        ask: &'a Ask,
    ) -> BoxFuture<'a, Result<Verdict, BoxError>> {
        let decide = |state: &mut State, now| rate_limit::ask(state, now, ask);
        Box::pin(self.change(&ask.tenant, decide))
    }

    fn tell<'a>(
        &'a self,
        report: &'a Report,
    ) -> BoxFuture<'a, Result<(), BoxError>> {
        Box::pin(self.change(&report.tenant, |state, now| {
            rate_limit::tell(state, now, report);
        }))
    }
}
