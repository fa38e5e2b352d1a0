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
        site=site_keys("mask_dilation_m", "cloud_masks", "band_shifts_m", "nbar", "coregistration", "bandpass"),
        sensor=sensor_entry,
        bands=sensor_bands,
    script:
        "../scripts/ard_bandpass.py"


rule prepare:
    """Scale, mask, register and adjust the scenes of {wildcards.sensor} on {wildcards.date}."""
    input:
        scenes=raw_scenes,
        reference=reference_image,
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
        site=site_keys("mask_dilation_m", "cloud_masks", "band_shifts_m", "nbar", "coregistration"),
        sensor=sensor_entry,
        bands=sensor_bands,
        alone=alone,
    script:
        "../scripts/ard.py"


rule map_fields:
    """The fields of {wildcards.site} on its grid."""
    input:
        map=field_map,
        images=field_images,
    output:
        "results/ard/{site}/fields.tif",
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
    script:
        "../scripts/ard_fields.py"


rule collect_quality:
    """One table of what was done to every scene of {wildcards.site}."""
    input:
        rows=quality_rows,
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
