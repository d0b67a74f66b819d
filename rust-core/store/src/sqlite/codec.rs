//! The encoding of a record's fields in its row: fields follow one another, and each text follows its length.

use zeroize::Zeroizing;

use super::fault::Fault;

/// Writes a record. Its contents may be secret, so the buffer is wiped.
pub(super) struct Writer(Zeroizing<Vec<u8>>);

impl Writer {
    pub(super) fn new() -> Self {
        // Most records fit into this, so that growth leaves no copy of the contents in memory.
        Self(Zeroizing::new(Vec::with_capacity(1024)))
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.number(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
        self
    }

    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        self.bytes(text.as_bytes())
    }

    pub(super) fn texts(&mut self, texts: &[String]) -> &mut Self {
        self.number(texts.len() as u64);
        for text in texts {
            self.text(text);
        }
        self
    }

    pub(super) fn number(&mut self, number: u64) -> &mut Self {
        self.0.extend_from_slice(&number.to_be_bytes());
        self
    }

    pub(super) fn time(&mut self, time: i64) -> &mut Self {
        self.0.extend_from_slice(&time.to_be_bytes());
        self
    }

    pub(super) fn flag(&mut self, flag: bool) -> &mut Self {
        self.0.push(u8::from(flag));
        self
    }

    /// Writes which of several records follows.
    pub(super) fn tag(&mut self, tag: u8) -> &mut Self {
        self.0.push(tag);
        self
    }

    pub(super) fn option<T>(
        &mut self,
        value: Option<T>,
        write: impl FnOnce(&mut Self, T) -> &mut Self,
    ) -> &mut Self {
        self.flag(value.is_some());
        match value {
            Some(value) => write(self, value),
            None => self,
        }
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Reads a record. A record that ends early is [`Fault::Unreadable`].
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) fn bytes(&mut self) -> Result<&'a [u8], Fault> {
        let length = usize::try_from(self.number()?).map_err(|_| Fault::Unreadable)?;
        let (bytes, rest) = self.0.split_at_checked(length).ok_or(Fault::Unreadable)?;
        self.0 = rest;
        Ok(bytes)
    }

    pub(super) fn text(&mut self) -> Result<String, Fault> {
        let text = std::str::from_utf8(self.bytes()?).map_err(|_| Fault::Unreadable)?;
        Ok(text.to_owned())
    }

    pub(super) fn texts(&mut self) -> Result<Vec<String>, Fault> {
        let count = self.number()?;
        (0..count).map(|_| self.text()).collect()
    }

    pub(super) fn number(&mut self) -> Result<u64, Fault> {
        self.take().map(u64::from_be_bytes)
    }

    pub(super) fn number32(&mut self) -> Result<u32, Fault> {
        u32::try_from(self.number()?).map_err(|_| Fault::Unreadable)
    }

    pub(super) fn time(&mut self) -> Result<i64, Fault> {
        self.take().map(i64::from_be_bytes)
    }

    pub(super) fn flag(&mut self) -> Result<bool, Fault> {
        match self.take()? {
            [0] => Ok(false),
            [1] => Ok(true),
            _ => Err(Fault::Unreadable),
        }
    }

    pub(super) fn tag(&mut self) -> Result<u8, Fault> {
        let [tag] = self.take()?;
        Ok(tag)
    }

    pub(super) fn option<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, Fault>,
    ) -> Result<Option<T>, Fault> {
        if self.flag()? {
            read(self).map(Some)
        } else {
            Ok(None)
        }
    }

    /// Returns whether the record ends here, as those of older schemas do.
    pub(super) fn is_at_end(&self) -> bool {
        self.0.is_empty()
    }

    /// Fails if bytes are left over.
    pub(super) fn end(self) -> Result<(), Fault> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(Fault::Unreadable)
        }
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        let (head, rest) = self.0.split_first_chunk::<N>().ok_or(Fault::Unreadable)?;
        self.0 = rest;
        Ok(*head)
    }
}
