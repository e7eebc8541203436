//! How much is kept.

use super::row;
use super::thread::Operation;

/// Counts and bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stock {
    /// Instances.
    pub n_instances: u64,
    /// Series of these.
    pub n_series: u64,
    /// Bytes of these.
    pub bytes: u64,
    /// When the oldest came, milliseconds since 1970 UTC.
    pub oldest_unix_ms: Option<i64>,
    /// Answers.
    pub n_results: u64,
    /// Bytes of the database.
    pub database_bytes: u64,
}

/// Counts it.
pub fn read() -> Operation<Stock> {
    Operation::new("count what is kept", |connection| {
        let mut stock = connection.query_row(
            "SELECT count(*), count(DISTINCT series_instance_uid), coalesce(sum(bytes), 0),
                 min(received_unix_ms), (SELECT count(*) FROM results) FROM instances",
            [],
            |row| {
                Ok(Stock {
                    n_instances: row::count(row, 0)?,
                    n_series: row::count(row, 1)?,
                    bytes: row::count(row, 2)?,
                    oldest_unix_ms: row.get(3)?,
                    n_results: row::count(row, 4)?,
                    database_bytes: 0,
                })
            },
        )?;
        let pragma = |name: &str| -> Result<u64, rusqlite::Error> {
            connection.query_row(&format!("PRAGMA {name}"), [], |row| row::count(row, 0))
        };
        stock.database_bytes = pragma("page_count")?.saturating_mul(pragma("page_size")?);
        Ok(stock)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::instances::{self, tests::instance};
    use crate::db::open::in_memory;

    #[test]
    fn what_came_is_counted() {
        let connection = in_memory();
        assert_eq!(read().run(&connection).unwrap().n_instances, 0);
        for (series, n) in [(1, 1), (1, 2), (2, 1)] {
            instances::record(instance(series, n)).run(&connection).unwrap();
        }
        let stock = read().run(&connection).unwrap();
        assert_eq!((stock.n_instances, stock.n_series), (3, 2));
        assert_eq!(stock.bytes, 3 * instance(1, 1).bytes);
        assert!(stock.oldest_unix_ms.is_some() && stock.database_bytes > 0);
    }
}
