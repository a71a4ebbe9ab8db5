"""predict@<name>: what the networks of a run say of new bags → results/predictions/<name>.{csv,json}

And which objects drive that, if the entry asks for it → results/predictions/<name>_objects.csv
"""

from pathlib import Path

from permset import Absent
from permset.config.experiment import load_params
from permset.prediction.forecast import open_forecast
from permset.store.files import check_present, write_absent
from permset.store.tables import read_json, write_csv, write_json
from stages import run


def predict(name: str) -> None:
    params, chosen = load_params(), read_json(Path(f"results/chosen/{name}.json"), "choose")
    if chosen["run"] is None:
        raise Absent(f"no run of {chosen['task']} has results here")
    entry = params.predictions[name]
    path, objects = Path(entry.path), Path(f"results/predictions/{name}_objects.csv")
    check_present(path)
    forecast = open_forecast(params, chosen["run"], path, entry.calibrated)
    write_csv(Path(f"results/predictions/{name}.csv"), forecast.header, forecast.rows(name))
    summary = forecast.summary()
    write_json(Path(f"results/predictions/{name}.json"), {name: summary})
    if entry.objects:
        write_csv(objects, forecast.object_header, forecast.object_rows(f"{name}, objects"))
    else:
        write_absent(objects, f"not asked for; set predictions.{name}.objects to true")
    outside = f"{summary['outside']:,} are outside of what training saw"
    print(f"{name}: {summary['bags']:,} bags by {summary['networks']} networks of {summary['run']}; {outside}")


if __name__ == "__main__":
    run(predict, ["results/predictions/{}.json", "results/predictions/{}.csv", "results/predictions/{}_objects.csv"])
