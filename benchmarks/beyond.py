"""Writes ``benchmarks/beyond.md``, the page "Beyond one machine", from what ``benchmarks/cluster.py`` measured."""

import json

from table import markdown_table

from colorlib import paths

PAGE, RESULTS = paths.BENCHMARKS.parent / "beyond.md", paths.BENCHMARKS / "cluster.json"
#: What the plan supposes: of the photos, of one GPU, of a machine with eight of them, and of the network.
PHOTOS, LOOKS = 1_300_000, 20
GPU_CROPS, GPU_BATCH, GPUS, CORES = 3_000, 64, 8, 96
DISK_MB, LINK_MB = 2_000, 3_000  # a second, of one machine
SMALL_KB = 58  # of a photo shrunk to 320 pixels
TEMPLATE = """# Beyond one machine

A million photos do not fit into memory, and coloring an archive takes one computer weeks. The same commands do
both with many processes, on one machine or on a cluster, by [Ray](https://docs.ray.io). They need more
packages, about 230 MB:

```
pip install '.[cluster]'
```

## Shrink, train, color

```
colorlib shrink photos/ -o small/ --workers 8
colorlib train small/ -o unet.keras --iterations 20000 --batch 64 --workers 8
colorlib colorize scans/ -o colored/ --model unet.keras --workers 8 --skip-existing
colorlib score originals/ colored/ --workers 8
```

`shrink` decodes every photo once, names those that can't be read, and writes JPEGs whose shorter side has 320
pixels, so that a training does not wait for decoding. Shrunk photos gave {decoding[small]} crops a processor
second here, the originals, of about 500×375 pixels, {decoding[photos]}; it shrinks
{decoding[shrunk_per_processor_second]} a processor second.

`train` learns from folders and all that is below them. Photos are listed by name alone and read while the
network learns; in place of one that can't be read, the next is used, and a note names it. Without `--workers`,
one process does it all and needs no Ray. With them, each makes and learns from its part of every batch, so that
all together learn what one would. A training is named by its settings and its photos, and keeps its state in
`--storage`, every 100 iterations: the same command goes on from there, with any number of workers. If a process
or a machine fails, the others go on from there by themselves.

`colorize`, `score` and `shrink` give each process one photo after the other. A photo whose process ends, or whose
machine fails, is tried once more by another. One that ends two processes is named, and costs only itself.

## Start a cluster

Every machine needs Python and this library, in the same versions, and sees the photos, the model and
`--storage` under the same paths: a network folder, or addresses such as `s3://bucket/photos` for `train`, with
the package that reads them (`pip install s3fs` or `gcsfs`). Commands run on a machine of the cluster, with
`--cluster auto`; from elsewhere, `--cluster HOST:6379`. Whoever reaches the ports of a Ray cluster can run
programs on it: keep it in a network of its own, with Ray's token authentication.

**Three processes of one machine as a cluster**, to try it:

```
ray start --head --port 6379 --num-cpus 1 &&
  for n in 2 3; do ray start --address 127.0.0.1:6379 --num-cpus 1; done
colorlib colorize scans/ -o colored/ --workers 3 --cluster auto
ray stop   # all that Ray runs on this machine
```

**Machines of a cloud**, by [Ray's cluster launcher](https://docs.ray.io/en/latest/cluster/vms/index.html): `ray
up cluster.yaml`, with this in the file, then `ray attach cluster.yaml` and the commands above:

```yaml
cluster_name: colorlib
provider: {{type: aws, region: eu-central-1}}
max_workers: 8
setup_commands:
  - cd ~/colorlib && pip install 'jax[cuda13]' '.[cluster]'
file_mounts: {{~/colorlib: .}}
available_node_types:
  head: {{node_config: {{InstanceType: m7i.xlarge}}, resources: {{}}}}
  gpu: {{node_config: {{InstanceType: p5.48xlarge}}, min_workers: 8, resources: {{}}}}
head_node_type: head
```

**Kubernetes**, by [KubeRay](https://docs.ray.io/en/latest/cluster/kubernetes/index.html): install its operator,
build an image from `rayproject/ray` with this library in it, and submit a `RayJob` whose `entrypoint` is one of
the commands above with `--cluster auto`. Neither of these two has been tried by the authors of this page.

**GPUs.** `--gpus 8 --workers 4` is one process for each of four machines, which takes all eight GPUs of its
machine; two processes on one machine would take the same GPUs. With no `--workers`, one process takes all GPUs
of this machine. Nor has this been tried: what follows was measured without GPUs.

## What was measured

On two processor cores, which nothing else used.

{measured}

Two processes end with the weights of one, to within 0.000001 after 15 steps of Adam with averaging and dropout.
If one of them is killed, the training goes on by itself, and ends bit for bit as without that; if it failed for
good, one process goes on from its state and ends within 0.000001. On a cluster of three machines, which were three
of Ray's nodes on one computer, a machine was made to fail while two trained and while three colored: another took
its place, the weights were the same bit for bit, and no photo was lost. Tests do all this, and color photos of which
one kills its process.

Of {coloring[photos]} photos, of which four were damaged and one killed its process, two processes made
{coloring[equal]} files that are byte for byte those of one process, and {coloring[other]} that differ;
{coloring[named]} photos were named. The same command with `--skip-existing` said: {coloring[again]}.

## A plan for 1.3 million photos

On paper, not tried: {looks} looks at each of {photos:,} photos, {crops:,} crops in all. Suppose that a GPU learns
from {gpu_crops:,} crops a second in batches of {gpu_batch}; that a machine has {gpus} GPUs, {cores} cores and a
disk or network that reads {disk:,} MB a second; and that machines send each other {link:,} MB a second. `colorlib
train` shows the rate, and the share of time that it waited for photos: put yours in place of these.

{plan}

What limits it moves as it grows:

1. **Decoding.** From originals, one GPU would take {cores_original:.0f} cores, from shrunk photos
   {cores_small:.0f}. So shrink first: that takes {shrink_hours:.1f} hours of one core for all photos, shared by
   any number of workers.
2. **Storage.** Shrunk photos have some {small_kb} kB each, {small_gb:.0f} GB in all, which fit on every
   machine's own disk. From a shared folder, 64 GPUs read {storage_64:,.0f} MB a second in small files, more
   than most give: copy them to each machine first.
3. **All-reduce.** {parameters:,} parameters are {gradient_mb:.0f} MB of gradients a step, which every machine
   sends and receives about twice: {reduce_ms:.0f} ms, beside {step_ms:.0f} ms for the step itself. A larger
   batch for each GPU makes that share smaller.
4. **Batch size.** On 64 GPUs a batch has {batch_64:,} crops, and {steps_64:,} steps are left: not many more than
   the network that ships had ({shipped_steps:,}), each from {batch_ratio} times as many crops. More GPUs would
   leave too few steps. A larger batch wants a higher learning rate and a longer warm-up (Goyal et al.,
   "Accurate, large minibatch SGD", 2017), which is to be tried on photos set aside.

## How to repeat it

`python benchmarks/cluster.py` measures all of this and writes this page.
"""


def page(results: dict) -> str:
    """Make the page from what was measured, by part."""
    about = json.loads((paths.WEIGHTS / "unet.json").read_text("utf-8"))
    decoding, crops = results["decoding"], PHOTOS * LOOKS
    gradient_mb = 4 * about["parameters"] / 1e6
    reduce_seconds, step_seconds = 2 * gradient_mb / LINK_MB, GPU_BATCH / GPU_CROPS
    rows = []
    for gpus in (1, 8, 16, 64):
        seconds = step_seconds + (reduce_seconds if gpus > GPUS else 0)
        rate = gpus * GPU_BATCH / seconds
        batch = gpus * GPU_BATCH
        rows.append(
            (
                f"{gpus}",
                f"{rate:,.0f}",
                f"{rate / decoding['photos']:,.0f}",
                f"{rate / decoding['small']:,.0f}",
                f"{rate * SMALL_KB / 1e3:,.0f}",
                f"{batch:,}",
                f"{crops // batch:,}",
                f"{crops / rate / 60:,.0f}",
            )
        )
    head = ("GPUs", "crops/s", "cores to decode", "… if shrunk", "MB/s read", "batch", "steps", "minutes")
    shipped = about["settings"]
    batch_64 = 64 * GPU_BATCH
    return TEMPLATE.format(
        decoding=decoding,
        coloring=results["coloring"],
        measured=markdown_table(("what", "by", "result"), _measured(results)),
        plan=markdown_table(head, rows),
        looks=LOOKS,
        photos=PHOTOS,
        crops=crops,
        gpu_crops=GPU_CROPS,
        gpu_batch=GPU_BATCH,
        gpus=GPUS,
        cores=CORES,
        disk=DISK_MB,
        link=LINK_MB,
        cores_original=GPU_CROPS / decoding["photos"],
        cores_small=GPU_CROPS / decoding["small"],
        shrink_hours=PHOTOS / decoding["shrunk_per_processor_second"] / 3600,
        small_kb=SMALL_KB,
        small_gb=PHOTOS * SMALL_KB / 1e6,
        storage_64=rate * SMALL_KB / 1e3,
        parameters=about["parameters"],
        gradient_mb=gradient_mb,
        reduce_ms=1e3 * reduce_seconds,
        step_ms=1e3 * step_seconds,
        batch_64=batch_64,
        steps_64=crops // batch_64,
        shipped_steps=sum(count for count, _ in shipped["stages"]),
        batch_ratio=batch_64 // shipped["batch"],
    )


def _measured(results: dict) -> list[tuple[str, str, str]]:
    ten_million = results["start_of_ten_million"]
    rows = [
        (
            f"Start of a training on a list of {ten_million['files']:,} names, up to its first batch",
            "one process",
            f"{ten_million['processor_seconds']:.1f} processor seconds, {ten_million['peak_mb']:,} MB at most",
        )
    ]
    for name in ("folder_of_1000", "folder_of_100000"):
        part = results[name]
        text = f"{part['peak_mb']:,} MB at most; listed in {part['listed']['processor_seconds']:.1f} processor seconds"
        rows.append((f"Training a small network on a folder of {part['files']:,} photos", "one process", text))
    for name in ("training_by_1", "training_by_2"):
        part = results[name]
        text = (
            f"{part['processor_seconds_per_crop']:.2f} processor seconds a crop, {part['crops_per_second']:.1f} crops "
            f"a second; {part['waited_percent']:.1f} % of the time waiting for photos; "
            f"{part['processor_seconds_before']:.0f} processor seconds to begin"
        )
        count = "one process" if part["processes"] == 1 else f"{part['processes']} processes"
        rows.append((f"Training the network that ships, {part['batch']} crops of 128×128 a step", count, text))
    return rows


if __name__ == "__main__":
    paths.write_whole(PAGE, page(json.loads(RESULTS.read_text("utf-8"))).encode())
    print(PAGE.relative_to(paths.ROOT))
