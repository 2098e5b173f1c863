//! How every file of the spool begins, and when it is to be believed.
//!
//! Eight bytes name the kind of file; then the format (4 bytes), numbers (8 each), and the CRC-32 of all that.

use std::path::Path;

use crate::SpoolError;

/// Version of the bytes of all files.
const FORMAT: u32 = 1;

/// Bytes of a stamp with so many numbers.
pub(crate) const fn size(numbers: usize) -> usize {
    8 + 4 + 8 * numbers + 4
}

pub(crate) fn write<const N: usize>(kind: &[u8; 8], numbers: [u64; N]) -> Vec<u8> {
    let mut bytes = kind.to_vec();
    bytes.extend_from_slice(&FORMAT.to_le_bytes());
    bytes.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
    let crc = crc32fast::hash(&bytes);
    bytes.extend_from_slice(&crc.to_le_bytes());
    bytes
}

/// The numbers. The format is asked for before the checksum, which other formats may keep elsewhere.
pub(crate) fn read<const N: usize>(
    kind: &[u8; 8],
    bytes: &[u8],
    file: &Path,
) -> Result<[u64; N], SpoolError> {
    let corrupt = |why| SpoolError::Corrupt { file: file.to_owned(), offset: 0, why };
    let (format, numbers) = bytes
        .strip_prefix(kind)
        .and_then(|rest| rest.split_first_chunk())
        .ok_or_else(|| corrupt("it does not begin as a file of its kind"))?;
    let format = u32::from_le_bytes(*format);
    if format != FORMAT {
        return Err(SpoolError::Format { file: file.to_owned(), format });
    }
    let (numbers, _) = numbers.as_chunks();
    match numbers.first_chunk() {
        Some(numbers) if bytes.get(..size(N)) == Some(&write(kind, numbers.map(u64::from_le_bytes))) => {
            Ok(numbers.map(u64::from_le_bytes))
        }
        _ => Err(corrupt("its beginning is cut short, or its checksum is wrong")),
    }
}
