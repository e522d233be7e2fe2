"""The registry's series with dates."""

from seqlab.data.entry import Dataset, Fractions, Parts, Paths, generated
from seqlab.data.files import RemoteFile
from seqlab.data.loaders.dated_csv import read_dated_csv
from seqlab.data.synthetic.gaps import with_losses
from seqlab.data.synthetic.seasonal import seasonal_series


def _read_etth1(paths: Paths, fractions: Fractions) -> Parts:
    # The rows that Informer reads (Zhou et al., 2021): 12, 4 and 4 months of 30 days; what follows is left out.
    series = read_dated_csv(paths["ETTh1.csv"])
    return series.part(0, 8640), series.part(8640, 11520), series.part(11520, 14400)


def _read_sunspots(paths: Paths, fractions: Fractions) -> Parts:
    return read_dated_csv(paths["monthly-sunspots.csv"]).split((0.7, 0.1, 0.2))


def _read_airline_passengers(paths: Paths, fractions: Fractions) -> Parts:
    return read_dated_csv(paths["airline-passengers.csv"]).split((0.57, 0.1, 0.33))


_ETT = "https://raw.githubusercontent.com/zhouhaoyi/ETDataset/1d16c8f4f943005d613b5bc962e9eeb06058cf07/ETT-small"
_BROWNLEE = "https://raw.githubusercontent.com/jbrownlee/Datasets/d20fcb6402ae34e653d4513b00f39257bb37ed7f"

SERIES_DATASETS = {
    "seasonal": generated(
        format="series",
        description="a generated hourly series with days, weeks and weather: load and temperature over 20 weeks",
        split="the first 14 weeks train, the next 2 validate, the last 4 test",
        make=lambda: seasonal_series().split((0.7, 0.1, 0.2)),
    ),
    "seasonal_gaps": generated(
        format="series",
        description="the seasonal series with half of its values lost, one by one and for up to two days; --gaps=mask",
        split="as of seasonal",
        make=lambda: with_losses(seasonal_series()).split((0.7, 0.1, 0.2)),
    ),
    "etth1": Dataset(
        format="series",
        description="hourly load and oil temperature of a power transformer: ETTh1 (Zhou et al., 2021), 7 columns",
        licence="CC-BY-ND-4.0",
        split="Informer's: rows 1-8640 train, 8641-11520 validate, 11521-14400 test; the rest is left out",
        files={
            "ETTh1.csv": RemoteFile(
                url=f"{_ETT}/ETTh1.csv",
                sha256="f18de3ad269cef59bb07b5438d79bb3042d3be49bdeecf01c1cd6d29695ee066",
            )
        },
        read=_read_etth1,
    ),
    "sunspots": Dataset(
        format="series",
        description="monthly sunspot numbers from 1749 to 1983 (Time Series Data Library); 2820 months",
        licence="none stated",
        split="the last 20% test, the 10% before them validate",
        files={
            "monthly-sunspots.csv": RemoteFile(
                url=f"{_BROWNLEE}/monthly-sunspots.csv",
                sha256="c4ec8cc57d9f6fb6ecdb3e1f37f25b6f4badd5124c55931052b0cd2fc3bc71f3",
            )
        },
        read=_read_sunspots,
    ),
    "airline_passengers": Dataset(
        format="series",
        description="monthly passengers of airlines in thousands, 1949 to 1960 (Box and Jenkins, 1976); 144 months",
        licence="none stated",
        split="the last 48 months test, the 14 before them validate",
        files={
            "airline-passengers.csv": RemoteFile(
                url=f"{_BROWNLEE}/airline-passengers.csv",
                sha256="8cb51be753a718d9be5d76d7e238cc224792754676adc21faa59e954b0201621",
            )
        },
        read=_read_airline_passengers,
    ),
}
