"""A photograph on record, shown inside a page.

It reads nothing: whoever shows it hands it the picture, decoded away from the window's thread.
"""

from __future__ import annotations

from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QSize, Qt, Signal
from PySide6.QtGui import QImage, QImageReader, QPixmap, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSizePolicy

from protocols.canonical import ContentError
from tms_console.ui.parts import Card, button, words

LARGEST_PX = 2000
"""The longer side of a picture that is shown; larger ones are decoded smaller."""


def decoded(data: bytes) -> QImage:
    """Return a picture no larger than a screen; of any thread.

    Raises:
        ContentError: It cannot be shown; the sentence says why.
    """
    held = QByteArray(data)
    buffer = QBuffer(held)
    buffer.open(QIODevice.OpenModeFlag.ReadOnly)
    reader = QImageReader(buffer)
    reader.setAutoTransform(True)
    size = reader.size()
    if size.isValid() and max(size.width(), size.height()) > LARGEST_PX:
        most = QSize(LARGEST_PX, LARGEST_PX)
        reader.setScaledSize(size.scaled(most, Qt.AspectRatioMode.KeepAspectRatio))
    image = reader.read()
    if image.isNull():
        raise ContentError(f"The photograph cannot be shown: {reader.errorString()}.")
    return image


class PhotoPart(Card):
    """A photograph, as large as there is room, and a way back."""

    closed = Signal()

    def __init__(self) -> None:
        super().__init__("Photograph")
        self.patient_uid = ""
        self._image = QImage()
        self.whose = words("", "strong")
        self.picture = QLabel()
        self.picture.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.picture.setMinimumSize(200, 150)
        self.picture.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Ignored)
        self.back = button("Back to the record", self.closed.emit)
        self.add(self.whose)
        self.body.addWidget(self.picture, 1)
        row = QHBoxLayout()
        row.addStretch(1)
        row.addWidget(self.back)
        self.body.addLayout(row)

    def show_photo(self, patient_uid: str, whose: str, image: QImage) -> None:
        """Show this in place of the last.

        Args:
            patient_uid: Whom it is of.
            whose: Whom it is of, in words.
            image: It.
        """
        self.patient_uid, self._image = patient_uid, image
        self.whose.setText(whose)
        self.picture.setAccessibleName(f"Photograph: {whose}")
        self._fit()
        self.back.setFocus(Qt.FocusReason.OtherFocusReason)

    def forget(self) -> None:
        """Keep nothing of it."""
        self.patient_uid, self._image = "", QImage()
        self.picture.clear()
        self.whose.setText("")

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """Fit the picture to the room."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        if self._image.isNull():
            return
        ratio = self.devicePixelRatioF()
        fitted = self._image.scaled(
            self.picture.size() * ratio,
            Qt.AspectRatioMode.KeepAspectRatio,
            Qt.TransformationMode.SmoothTransformation,
        )
        shown = QPixmap.fromImage(fitted)
        shown.setDevicePixelRatio(ratio)
        self.picture.setPixmap(shown)
