"""`make readme`: put the tables of the results and what they say into README.md and docs/ (no outputs of DVC)"""

from pathlib import Path

from permset.report import clustering, elephant, mil_tests, population, subgroups
from permset.report.comparisons import pairs_of
from permset.report.findings import decay, findings
from permset.report.tables import by_task, markdown, markdown_table, published
from permset.store.files import write
from permset.store.tables import read_csv
from stages import run

# One run for each verdict, on one task: invariant, approximate and not invariant.
HEADLINE = "gaussian_deepset", "gaussian_sampled_average", "gaussian_mlp"


def readme() -> None:
    runs = read_csv(Path("results/summary.csv"), "plot")
    pairs = pairs_of(read_csv(Path("results/comparisons.csv"), "plot"))
    headline = markdown([row for row in runs if row["run"] in HEADLINE])
    said = "".join(f"- {finding.sentence}\n" for finding in findings(by_task(runs), pairs))
    fill(Path("README.md"), {"headline": headline, "findings": said, "results": markdown(runs)})
    papers = read_csv(Path("published/results/comparison.csv"), "compare")
    images = read_csv(Path("published/elephant/results/elephant.csv"), "elephant")
    tests = read_csv(Path("published/results/mil_tests.csv"), "examine")
    texts = {"published": published(papers), "decay": f"{decay(papers)}\n"}
    texts |= {"elephant": markdown_table(elephant.COLUMNS, images), "in_interval": f"{elephant.told(images)}\n"}
    texts |= {
        "mil_tests": markdown_table(*mil_tests.table_of(tests)),
        "passing": "".join(f"- {line}\n" for line in mil_tests.told(tests)),
    }
    statistics = read_csv(Path("published/population/results/population.csv"), "population")
    texts |= {
        "population": markdown_table(*population.table_of(statistics)),
        "of_populations": "".join(f"- {line}\n" for line in population.told(statistics)),
    }
    mixtures = read_csv(Path("published/clustering/results/clustering.csv"), "clustering")
    texts |= {
        "clustering": markdown_table(clustering.COLUMNS, mixtures),
        "of_clustering": f"{clustering.told(mixtures)}\n",
    }
    groups = read_csv(Path("published/subgroups/results/subgroups.csv"), "subgroups")
    texts |= {
        "subgroups": markdown_table(*subgroups.table_of(groups)),
        "with_groups": "".join(f"- {line}\n" for line in subgroups.told(groups)),
    }
    fill(Path("docs/published.md"), texts)


def fill(page: Path, tables: dict[str, str]) -> None:
    """Put each table between the two comments that name it."""
    text = page.read_text()
    for name, table in tables.items():
        begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->\n"
        before, rest = text.split(begin)
        text = before + begin + "\n" + table + "\n" + end + rest.split(end)[1]
    write(page, lambda path: path.write_text(text))


if __name__ == "__main__":
    run(readme)
