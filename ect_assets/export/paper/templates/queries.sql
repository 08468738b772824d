-- What `ect paper` asks beside the report's queries. A name, a colon and what it is; then the query,
-- with {parcellation}, {baseline}, {follow_up} and {null_model} for the paper's own.

-- flow: participants at each step, from the table of participants to the analyses
SELECT (SELECT count(*) FROM participants) AS n_all,
  (SELECT count(*) FROM (SELECT subject FROM parcel_gmv
    WHERE parcellation = '{parcellation}' AND session IN ('{baseline}', '{follow_up}')
    GROUP BY subject HAVING count(DISTINCT session) = 2)) AS n_with_volumes,
  (SELECT any_value(n) FROM gmv_change WHERE parcellation = '{parcellation}') AS n_tested,
  (SELECT count(DISTINCT subject) FROM exclusions WHERE overruled AND subject <> '*'
    AND stage <> 'clinical_scores' AND parcellation IN ('*', '{parcellation}')) AS n_kept

-- flow_reasons: participants left out of the analysis of the parcellation, by stage and reason
SELECT stage, reason, count(DISTINCT subject) AS n
FROM exclusions
WHERE NOT overruled AND subject <> '*' AND stage <> 'clinical_scores'
  AND parcellation IN ('*', '{parcellation}')
GROUP BY stage, reason ORDER BY stage, reason

-- parcels: the parcels with the smallest p
SELECT coalesce(label, parcel) AS label, n, percent_change, ci_low_mm3, ci_high_mm3, t, df, p, q,
  cohen_dz
FROM gmv_change LEFT JOIN (SELECT parcellation, parcel, any_value(label) AS label FROM parcels
  GROUP BY ALL) USING (parcellation, parcel)
WHERE parcellation = '{parcellation}' AND (structure = 'cortex' OR parcellation NOT IN (
  SELECT parcellation FROM gmv_change WHERE structure = 'cortex'))
ORDER BY p, parcel LIMIT 10

-- contrasts: each contrast of the study, with its parcel of the smallest p
SELECT contrast, max(n) AS n, count(*) AS n_parcels, count(*) FILTER (q < 0.05) AS n_found,
  arg_min(parcel, p) AS surest, arg_min(t, p) AS t, arg_min(df, p) AS df, min(p) AS p,
  arg_min(q, p) AS q
FROM contrast_maps WHERE parcellation = '{parcellation}'
GROUP BY contrast ORDER BY contrast

-- expression: how gene expression was made
SELECT source, n_parcels, n_parcels_filled, n_parcels_empty, n_genes, n_probes, n_samples, n_donors,
  simulated
FROM expression_methods WHERE parcellation = '{parcellation}'

-- component_claim: whether the first component holds as a claim
SELECT q_published, q_patients, q_spatial, q_all, holds, replication
FROM findings WHERE parcellation = '{parcellation}' AND kind = 'component' AND name = 'PLS1'

-- noise_lists: how often the bootstrap lists a gene on maps of noise
SELECT min(false_positive_rate_05) AS least, max(false_positive_rate_05) AS most
FROM null_calibration
WHERE parcellation = '{parcellation}' AND statistic = 'gene_list_bootstrap'

-- terms: Gene Ontology terms of the gene lists
SELECT count(*) FILTER (q < 0.05) AS n_pairs, count(DISTINCT set_id) FILTER (q < 0.05) AS n_terms,
  count(*) AS n_tested
FROM go_enrichment WHERE parcellation = '{parcellation}'

-- cells: cell types, as permutation of genes has them
SELECT count(*) AS n_cell_types, count(*) FILTER (q_gene < 0.05) AS n_by_genes,
  count(*) FILTER (q_spatial < 0.05) AS n_by_space
FROM cell_type_enrichment WHERE parcellation = '{parcellation}'

-- held: what holds over patients, space and genes
SELECT count(*) AS n_claims, count(*) FILTER (q_published < 0.05) AS n_published,
  count(*) FILTER (q_published < 0.05 AND NOT holds) AS n_published_only,
  count(*) FILTER (holds) AS n_holding,
  count(*) FILTER (holds AND kind = 'go_term') AS n_terms,
  count(*) FILTER (holds AND kind = 'cell_type') AS n_cell_types
FROM findings WHERE parcellation = '{parcellation}'

-- judged: claims that the field would publish or that hold, with the q of each question
SELECT kind, name, direction, q_published, q_patients, q_spatial, q_genes, q_all, holds, replication
FROM findings
WHERE parcellation = '{parcellation}' AND (holds OR q_published < 0.05)
ORDER BY holds DESC, kind, q_all NULLS LAST, q_published, name, direction LIMIT 20

-- elsewhere: the same questions in every parcellation of the study
SELECT parcellation, max(n) AS n, count(*) AS n_parcels, count(*) FILTER (q < 0.05) AS n_changed,
  (SELECT CASE WHEN count(*) > 0 THEN count(*) FILTER (q_published < 0.05) END FROM findings
    WHERE findings.parcellation = gmv_change.parcellation) AS n_published,
  (SELECT CASE WHEN count(*) > 0 THEN count(*) FILTER (holds) END FROM findings
    WHERE findings.parcellation = gmv_change.parcellation) AS n_holding,
  (SELECT bool_or(simulated) FROM expression_methods
    WHERE expression_methods.parcellation = gmv_change.parcellation) AS simulated_donors
FROM gmv_change WHERE structure = 'cortex' OR parcellation NOT IN (
  SELECT parcellation FROM gmv_change WHERE structure = 'cortex')
GROUP BY parcellation ORDER BY parcellation

-- scanners: what the images were acquired with
SELECT manufacturer, field_strength_t, repetition_time_s, echo_time_s, flip_angle_deg,
  count(*) AS n_scans
FROM raw_scans WHERE manufacturer IS NOT NULL OR field_strength_t IS NOT NULL
GROUP BY ALL ORDER BY ALL

-- treatment: of how many participants the treatment and the interval of the scans are known
SELECT count(*) FILTER (n_ect IS NOT NULL OR ect_placement IS NOT NULL) AS n_treatment,
  count(scan_interval_days) AS n_intervals
FROM participants

-- checks: participants with a check of quality that did not pass
SELECT count(DISTINCT subject) FILTER (NOT passes) AS n_failed,
  count(DISTINCT subject) AS n_checked
FROM (SELECT subject, passes FROM scan_quality WHERE subject <> '*'
  UNION ALL SELECT subject, passes FROM parcel_quality
  WHERE parcellation = '{parcellation}' AND subject <> '*')
