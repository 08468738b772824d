-- Twenty-one questions to a study's tables, with their answers in SQL (DuckDB's dialect).
-- `ect sql --example N` asks number N of your study, under its own names of the two sessions;
-- where you type a query yourself, put your names for 'pre' and 'post'.

-- 1. Which parcels changed most, and in which direction?
-- Asked by: researcher
SELECT parcellation, parcel, label, n, percent_change, cohen_dz, t, q
FROM gmv_change JOIN parcels USING (parcellation, parcel)
ORDER BY parcellation, p
LIMIT 20;

-- 2. How many parcels grew, how many shrank, after correction for all of them?
-- Asked by: researcher
SELECT parcellation, structure,
       count(*) FILTER (q < 0.05 AND t > 0) AS grew,
       count(*) FILTER (q < 0.05 AND t < 0) AS shrank,
       count(*) AS parcels,
       corr(t, t_unadjusted) AS r_with_plain_paired_t
FROM gmv_change
GROUP BY parcellation, structure
ORDER BY parcellation, structure;

-- 3. Does the map of change follow gene expression more than a map as smooth would by chance?
-- Asked by: researcher
SELECT parcellation, component, null_model, r2_y, p_spatial, n_nulls
FROM pls_components
ORDER BY parcellation, component, null_model;

-- 4. How often does that test give p <= 0.05 where there is nothing to find?
-- Asked by: statistician
SELECT parcellation, null_model, statistic, smoothness_mm, n_maps,
       false_positive_rate_05, ci_low_05, ci_high_05
FROM null_calibration
ORDER BY parcellation, statistic, null_model, smoothness_mm;

-- 5. Which genes stand at the two ends of the first component, and do they pass the test in space?
-- Asked by: researcher
SELECT parcellation, gene, rank, z, q_bootstrap, r_map, p_spatial, q_spatial
FROM pls_genes
WHERE component = 1
QUALIFY rank <= 10 OR rank > max(rank) OVER (PARTITION BY parcellation) - 10
ORDER BY parcellation, rank;

-- 6. Where does a gene stand that I knew of beforehand?
-- Asked by: researcher
SELECT parcellation, gene, rank, z, direction, q_bootstrap, r_map, p_spatial
FROM pls_genes
WHERE component = 1 AND gene IN ('BDNF', 'SST', 'GFAP', 'CLDN5')
ORDER BY gene, parcellation;

-- 7. What do the listed genes do, one term for each group of similar terms?
-- Asked by: researcher
SELECT parcellation, direction, set_name, namespace, n_overlap, n_set, fold_enrichment,
       q AS q_genes, q_spatial
FROM go_enrichment
WHERE cluster_representative
ORDER BY parcellation, direction, p
LIMIT 40;

-- 8. Which cell types does the change follow, by permuted genes and in space?
-- Asked by: researcher
SELECT parcellation, cell_type, n_set, nes, q_gene, q_spatial, n_in_pls_plus, n_in_pls_minus
FROM cell_type_enrichment
ORDER BY parcellation, nes;

-- 9. How many claims would be reported, and how many hold for patients, space and genes?
-- Asked by: statistician
SELECT parcellation, kind,
       count(*) FILTER (q_published < 0.05) AS would_be_reported,
       count(*) FILTER (holds) AS hold
FROM findings
GROUP BY parcellation, kind
ORDER BY parcellation, kind;

-- 10. Do two parcellations of the same patients rank the genes alike?
-- Asked by: statistician
SELECT one.parcellation AS first_parcellation, two.parcellation AS second_parcellation,
       count(*) AS genes, corr(one.z, two.z) AS r_of_z, corr(one.r_map, two.r_map) AS r_of_r_map
FROM pls_genes AS one
JOIN pls_genes AS two USING (component, gene)
WHERE component = 1 AND one.parcellation < two.parcellation
GROUP BY ALL
ORDER BY ALL;

-- 11. What is the smallest effect that a study of this size could have found?
-- Asked by: statistician
SELECT parcellation, test, n, smallest_effect, effect_unit, power, alpha
FROM detectable_effects
ORDER BY parcellation, test;

-- 12. Did the patients get better?
-- Asked by: clinician
SELECT instrument, n, mean_pre, sd_pre, mean_post, sd_post, mean_change, cohen_dz, p
FROM clinical_change
ORDER BY instrument;

-- 13. Who responded, and who is in remission?
-- Asked by: clinician
SELECT instrument, subject, baseline_score, follow_up_score, improvement, percent_improvement,
       responded, remitted
FROM clinical_response
ORDER BY instrument, improvement DESC, subject;

-- 14. How did each patient's gray matter change, beside the score?
-- Asked by: clinician
SELECT subject, instrument,
       100 * (volumes_after.gray_matter_mm3 / volumes_before.gray_matter_mm3 - 1)
           AS percent_gray_matter,
       score_after.score - score_before.score AS change_of_score
FROM scan_volumes AS volumes_before
JOIN scan_volumes AS volumes_after USING (subject)
JOIN clinical_scores AS score_before USING (subject)
JOIN clinical_scores AS score_after USING (subject, instrument)
WHERE volumes_before.session = 'pre' AND volumes_after.session = 'post'
  AND score_before.session = 'pre' AND score_after.session = 'post'
ORDER BY instrument, change_of_score;

-- 15. Does the change of the brain go with improvement, also in patients whom the model has not seen?
-- Asked by: clinician
SELECT parcellation, instrument, n, r AS r_of_the_fit, p_perm,
       r_cross_validated, p_cross_validated
FROM symptom_pls
ORDER BY parcellation, instrument;

-- 16. Which parcels carry that association?
-- Asked by: clinician
SELECT parcellation, instrument, parcel, label, weight, p_perm, q_perm
FROM symptom_pls_weights JOIN parcels USING (parcellation, parcel)
ORDER BY parcellation, instrument, q_perm, p_perm, abs(weight) DESC
LIMIT 20;

-- 17. Who was left out of what, why, and did a reviewer decide otherwise?
-- Asked by: auditor
SELECT subject, session, parcellation, stage, reason, detail, overruled, overruled_by_file
FROM exclusions
ORDER BY subject, session, reason;

-- 18. How many patients came, how many have both scans measured, how many are in the result?
-- Asked by: auditor
SELECT parcellation,
       (SELECT count(*) FROM participants) AS came,
       (SELECT count(*) FROM (
            SELECT subject FROM scan_volumes WHERE session IN ('pre', 'post')
            GROUP BY subject HAVING count(*) = 2)) AS both_measured,
       max(n) AS in_the_result
FROM gmv_change
GROUP BY parcellation
ORDER BY parcellation;

-- 19. What measured the scans, do all pass, and is anything simulated?
-- Asked by: auditor
SELECT source, source_version, session, count(*) AS scans,
       count(*) FILTER (NOT qc_pass) AS do_not_pass, bool_or(simulated) AS simulated
FROM scan_volumes
GROUP BY source, source_version, session
ORDER BY source, source_version, session;

-- 20. What happened to the data lately?
-- Asked by: auditor
SELECT "at", event, subject, detail
FROM audit_log
ORDER BY "at" DESC
LIMIT 30;

-- 21. What did each contrast that the study names find, and where most surely?
-- Asked by: researcher
SELECT parcellation, contrast, max(n) AS n, count(*) FILTER (q < 0.05) AS q_below_05,
       count(*) AS parcels, arg_min(parcel, p) AS surest, arg_min(effect, p) AS effect,
       any_value(unit) AS unit, min(p) AS p, arg_min(q, p) AS q
FROM contrast_maps
GROUP BY parcellation, contrast
ORDER BY parcellation, contrast;
