//! The display as a file: the newest picture, always whole.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use embedded_graphics::geometry::{OriginDimensions, Size};

use crate::display::canvas::Canvas;

/// Writes each picture over the one before.
#[derive(Debug)]
pub struct Headless {
    path: PathBuf,
    size: Size,
}

impl Headless {
    /// Pictures of `size` at `path`, which is under the data folder.
    #[must_use]
    pub fn new(path: PathBuf, size: Size) -> Self {
        Self { path, size }
    }

    /// Size of the pictures.
    #[must_use]
    pub fn size(&self) -> Size {
        self.size
    }

    /// Where the newest picture is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Replaces the picture in one step. Not synced: after a power cut there is nothing to show.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn show(&mut self, canvas: &Canvas) -> io::Result<()> {
        write_png(canvas, &self.path)
    }
}

/// Writes `canvas` as an 8-bit RGB PNG: a reader sees the old picture or the new one, never half.
///
/// # Errors
/// The folder cannot be written.
pub fn write_png(canvas: &Canvas, path: &Path) -> io::Result<()> {
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    let mut file = BufWriter::new(File::create(&part)?);
    encode(canvas, &mut file)?;
    file.flush()?;
    drop(file);
    fs::rename(&part, path)
}

fn encode(canvas: &Canvas, writer: &mut impl Write) -> io::Result<()> {
    let size = canvas.size();
    let mut encoder = png::Encoder::new(writer, size.width, size.height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&canvas.to_rgb_bytes())?;
    writer.finish()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use embedded_graphics::pixelcolor::Rgb888;

    use super::*;

    #[test]
    fn a_picture_replaces_the_one_before_and_reads_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("display.png");
        let mut headless = Headless::new(path.clone(), Size::new(5, 3));
        for gray in [10, 200] {
            headless.show(&Canvas::new(Size::new(5, 3), Rgb888::new(gray, gray, gray))).unwrap();
            let file = io::BufReader::new(File::open(&path).unwrap());
            let mut reader = png::Decoder::new(file).read_info().unwrap();
            let mut bytes = vec![0; reader.output_buffer_size().unwrap()];
            reader.next_frame(&mut bytes).unwrap();
            assert_eq!(bytes, [gray; 45]);
        }
        let names: Vec<_> = fs::read_dir(&folder).unwrap().collect();
        assert_eq!(names.len(), 1);
    }

    #[test]
    fn a_folder_that_is_not_there_is_an_error() {
        let mut headless = Headless::new("/nowhere/display.png".into(), Size::new(1, 1));
        assert!(headless.show(&Canvas::new(Size::new(1, 1), Rgb888::new(0, 0, 0))).is_err());
    }
}
