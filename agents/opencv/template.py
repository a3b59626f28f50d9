"""Template matching by normalised cross-correlation, with the interface of guarded trackers."""

import numpy as np

from agents.opencv.boxes import Rect, cv2


class TemplateTracker:
    """Looks for the first patch around where it was last seen; never changes its size.

    The score is the correlation coefficient (Lewis, "Fast Normalized Cross-Correlation", 1995),
    its peak refined by a parabola.

    Args:
        search: How far a frame may move the patch, pixels per axis.
        update_rate: Share of the newly found patch in the next template; 0 keeps the first.

    Raises:
        ValueError: A number is out of range.
    """

    def __init__(self, search: int = 6, update_rate: float = 0.0) -> None:
        if search < 1 or not 0.0 <= update_rate < 1.0:
            raise ValueError(
                "search must be at least 1 pixel and update_rate in [0, 1); got "
                f"{search}, {update_rate}"
            )
        self.search = search
        self.update_rate = update_rate

    def init(self, image: np.ndarray, rect: Rect) -> None:
        """Cuts the template out of the first image (uint8, H W 3)."""
        left, top, width, height = rect
        self._size = (width, height)
        self._centre = (left + width / 2, top + height / 2)
        # At least 3 x 3 pixels, for a correlation to mean something.
        self._patch = (max(3, round(width)), max(3, round(height)))
        self._template = self._cut(image, self._patch)

    def update(self, image: np.ndarray) -> Rect:
        """Finds the template in the next image: always something."""
        width, height = self._patch
        window = self._cut(image, (width + 2 * self.search, height + 2 * self.search))
        score = cv2.matchTemplate(window, self._template, cv2.TM_CCOEFF_NORMED)
        score = np.nan_to_num(score, nan=-1.0, posinf=-1.0, neginf=-1.0)
        row, column = divmod(int(score.argmax()), score.shape[1])
        x = self._centre[0] + column - self.search + _peak(score[row], column)
        y = self._centre[1] + row - self.search + _peak(score[:, column], row)
        frame_height, frame_width = image.shape[:2]
        x, y = min(max(x, 0.0), frame_width), min(max(y, 0.0), frame_height)
        self._centre = (x, y)
        if self.update_rate > 0:
            self._template += self.update_rate * (self._cut(image, self._patch) - self._template)
        wide, high = self._size
        return (x - wide / 2, y - high / 2, wide, high)

    def _cut(self, image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        """A patch around the centre, between pixels if need be; the border is repeated."""
        # OpenCV counts from the middle of the first pixel, rects from its corner.
        centre = (self._centre[0] - 0.5, self._centre[1] - 0.5)
        return cv2.getRectSubPix(image.astype(np.float32), size, centre)


def _peak(score: np.ndarray, index: int) -> float:
    """Offset of a parabola's peak through the highest score and its neighbours, -0.5 to 0.5."""
    if index == 0 or index == len(score) - 1:
        return 0.0
    before, here, after = (float(s) for s in score[index - 1 : index + 2])
    bend = before - 2 * here + after
    return 0.0 if bend >= 0 else 0.5 * (before - after) / bend
