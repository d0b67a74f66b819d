//! Caches that save a request and cost one if they are lost: endpoints and capabilities. They are bounded: the oldest
//! entry is removed first.

use rusqlite::{OptionalExtension, params};
use snapback_proto::knowledge::KnownCaps;

use crate::{KnownEndpoints, MAX_CAPS, MAX_DOMAINS};

use super::codec::Writer;
use super::fault::Fault;
use super::record::Record;
use super::tables::{Tables, place_status, signed, spot};

impl Tables<'_> {
    pub(super) fn endpoints(&self, domain: &str) -> Result<Option<KnownEndpoints>, Fault> {
        let row: Option<(i64, Vec<u8>)> = self
            .conn
            .prepare_cached("SELECT place, value FROM endpoints WHERE domain = ?1")?
            .query_row([domain], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        row.map(|(place, sealed)| self.open_endpoints(domain, place, &sealed))
            .transpose()
    }

    pub(super) fn open_endpoints(
        &self,
        domain: &str,
        place: i64,
        sealed: &[u8],
    ) -> Result<KnownEndpoints, Fault> {
        let status = place_status(Some(place));
        let spot = spot("endpoints", domain.as_bytes(), &status);
        KnownEndpoints::from_plain(&self.sealer.open(spot, sealed)?)
    }

    pub(super) fn set_endpoints(&self, domain: &str, known: &KnownEndpoints) -> Result<(), Fault> {
        let place = self.next_place("SELECT max(place) FROM endpoints")?;
        let status = place_status(Some(place));
        let spot = spot("endpoints", domain.as_bytes(), &status);
        let sealed = self.sealer.seal(spot, known.to_plain().as_bytes())?;
        self.conn
            .prepare_cached(
                "INSERT OR REPLACE INTO endpoints (domain, place, value) VALUES (?1, ?2, ?3)",
            )?
            .execute(params![domain, place, sealed])?;
        self.conn
            .prepare_cached(
                "DELETE FROM endpoints WHERE place NOT IN
                    (SELECT place FROM endpoints ORDER BY place DESC LIMIT ?1)",
            )?
            .execute([signed(MAX_DOMAINS)?])?;
        Ok(())
    }

    /// Returns the capabilities, oldest first.
    pub(super) fn caps(&self) -> Result<Vec<KnownCaps>, Fault> {
        let mut statement = self
            .conn
            .prepare_cached("SELECT holder, hash, ver, place, value FROM caps ORDER BY place")?;
        let mut rows = statement.query([])?;
        let mut caps = Vec::new();
        while let Some(row) = rows.next()? {
            let key = [row.get(0)?, row.get(1)?, row.get(2)?];
            let sealed: Vec<u8> = row.get(4)?;
            caps.push(self.open_caps(&key, row.get(3)?, &sealed)?);
        }
        Ok(caps)
    }

    pub(super) fn open_caps(
        &self,
        key: &[String; 3],
        place: i64,
        sealed: &[u8],
    ) -> Result<KnownCaps, Fault> {
        let [holder, hash, ver] = key;
        let (row, status) = (caps_row(holder, hash, ver), place_status(Some(place)));
        let spot = spot("caps", row.as_bytes(), &status);
        KnownCaps::from_plain(&self.sealer.open(spot, sealed)?)
    }

    pub(super) fn learn_caps(&self, known: &KnownCaps) -> Result<(), Fault> {
        let holder = known.only.as_deref().unwrap_or_default();
        let place = self.next_place("SELECT max(place) FROM caps")?;
        let row = caps_row(holder, &known.hash, &known.ver);
        let status = place_status(Some(place));
        let spot = spot("caps", row.as_bytes(), &status);
        let sealed = self.sealer.seal(spot, known.to_plain().as_bytes())?;
        self.conn
            .prepare_cached(
                "INSERT OR REPLACE INTO caps (holder, hash, ver, place, value) VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute(params![holder, known.hash, known.ver, place, sealed])?;
        self.conn
            .prepare_cached(
                "DELETE FROM caps WHERE place NOT IN
                    (SELECT place FROM caps ORDER BY place DESC LIMIT ?1)",
            )?
            .execute([signed(MAX_CAPS)?])?;
        Ok(())
    }

    fn next_place(&self, highest: &str) -> Result<i64, Fault> {
        let highest: Option<i64> = self
            .conn
            .prepare_cached(highest)?
            .query_row([], |row| row.get(0))?;
        highest
            .map_or(Some(0), |place| place.checked_add(1))
            .ok_or(Fault::Unwritable)
    }
}

fn caps_row(holder: &str, hash: &str, ver: &str) -> Writer {
    let mut row = Writer::new();
    row.text(holder).text(hash).text(ver);
    row
}
