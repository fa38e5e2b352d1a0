# results/ard/{site}: surface reflectance, or backscatter in dB, on the site's grid, one image per sensor and day.


include: "inputs/ard.smk"


rule fit_bandpass:
    """Bring the bands of {wildcards.sensor} to those of the reference sensor."""
    input:
        pairs=bandpass_files,
    output:
        "results/ard/{site}/{sensor}/bandpass.json",
    log:
        "results/logs/ard/{site}/{sensor}/bandpass.log",
    benchmark:
        "results/benchmarks/ard/{site}/{sensor}/bandpass.tsv"
    conda:
        "../../envs/geo.yaml"
    resources:
        mem_mb=memory,
        runtime=runtime,
    params:
        code=code("ard_bandpass"),
        pairs=bandpass_pairs,
        site=site_keys(*READING, "coregistration", "bandpass", "reference"),
        sensor=sensor_entry,
        bands=sensor_bands,
    script:
        "../scripts/ard_bandpass.py"


rule prepare:
    """Scale, mask, register and adjust the scenes of {wildcards.sensor} on {wildcards.date}."""
    input:
        scenes=raw_scenes,
        reference=reference_image,
        frame=frame_image,
        bandpass=bandpass_of,
    output:
        image="results/ard/{site}/{sensor}/{date}.tif",
        quality="results/ard/{site}/{sensor}/{date}.csv",
    log:
        "results/logs/ard/{site}/{sensor}/{date}.log",
    benchmark:
        "results/benchmarks/ard/{site}/{sensor}/{date}.tsv"
    conda:
        "../../envs/geo.yaml"
    resources:
        mem_mb=memory,
        runtime=runtime,
    params:
        code=code("ard"),
        site=site_keys(*READING, "coregistration"),
        sensor=sensor_entry,
        bands=sensor_bands,
        alone=alone,
    script:
        "../scripts/ard.py"


rule make_frame:
    """The mean of clear images of {wildcards.site}, on which those of its reference sensor are laid."""
    input:
        scenes=frame_files,
    output:
        "results/ard/{site}/frame.tif",
    log:
        "results/logs/ard/{site}/frame.log",
    benchmark:
        "results/benchmarks/ard/{site}/frame.tsv"
    conda:
        "../../envs/geo.yaml"
    resources:
        mem_mb=frame_memory,
        runtime=runtime,
    params:
        code=code("ard_frame"),
        scenes=frame_scenes,
        site=site_keys(*READING, "coregistration"),
        sensor=reference_entry,
        bands=reference_bands,
    script:
        "../scripts/ard_frame.py"


rule map_fields:
    """The fields of {wildcards.site} on its grid."""
    input:
        map=field_map,
        images=field_images,
    output:
        fields="results/ard/{site}/fields.tif",
        classes="results/ard/{site}/fields.csv",
    log:
        "results/logs/ard/{site}/fields.log",
    benchmark:
        "results/benchmarks/ard/{site}/fields.tsv"
    conda:
        "../../envs/geo.yaml"
    resources:
        mem_mb=memory,
        runtime=runtime,
    params:
        code=code("ard_fields"),
        site=site_keys(),
        resolution=reference_resolution,
        names=field_names,
    script:
        "../scripts/ard_fields.py"


rule collect_quality:
    """One table of what was done to every scene of {wildcards.site}."""
    input:
        rows=quality_rows,
        images=quality_images,
    output:
        "results/ard/{site}/quality.csv",
    log:
        "results/logs/ard/{site}/quality.log",
    benchmark:
        "results/benchmarks/ard/{site}/quality.tsv"
    conda:
        "../../envs/geo.yaml"
    resources:
        mem_mb=memory,
        runtime=runtime,
    params:
        code=code("ard_quality"),
    script:
        "../scripts/ard_quality.py"


rule compare_sensors:
    """How alike the sensors' images of {wildcards.site} are, before and after harmonisation."""
    input:
        files=compared_files,
    output:
        "results/ard/{site}/agreement.csv",
    log:
        "results/logs/ard/{site}/agreement.log",
    benchmark:
        "results/benchmarks/ard/{site}/agreement.tsv"
    conda:
        "../../envs/geo.yaml"
    resources:
        mem_mb=memory,
        runtime=comparing_runtime,
    params:
        code=code("ard_agreement"),
        pairs=compared_pairs,
        sensors=compared_sensors,
        site=site_keys(*READING, "reference"),
    script:
        "../scripts/ard_agreement.py"


rule compare_with_truth:
    """How near the images of the simulated place {wildcards.site} come to its truth."""
    input:
        images=reflectance_images,
        truth="results/simulated/{site}/truth.nc",
    output:
        "results/ard/{site}/accuracy.csv",
    log:
        "results/logs/ard/{site}/accuracy.log",
    benchmark:
        "results/benchmarks/ard/{site}/accuracy.tsv"
    conda:
        "../../envs/geo.yaml"
    resources:
        mem_mb=memory,
        runtime=comparing_runtime,
    params:
        code=code("ard_accuracy"),
    script:
        "../scripts/ard_accuracy.py"
